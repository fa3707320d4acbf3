#!/bin/sh
# Fetches lighttpd's source package from the mirrors that this machine's apt uses, and unpacks it: fetch.sh FOLDER
# Has an apt folder of its own: neither this machine's list of sources nor its package lists are touched.
# Exits with 77, which ctest reports as skipped, when it cannot be had.
set -eu
folder=$1

skip() {
  echo "skipped: $*" >&2
  exit 77
}

[ ! -e "$folder/complete" ] || exit 0
command -v apt-get >/dev/null || skip "there is no apt-get"
command -v dpkg-source >/dev/null || skip "dpkg-dev is not installed"
rm -rf "$folder"
mkdir -p "$folder/apt/sources" "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial"
cd "$folder"

# A line of sources for each suite that this machine has packages of.
options=
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ ! -e "$keyring" ] || options="[signed-by=$keyring] "
# shellcheck disable=SC2016  # these are names for apt-get to replace
apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' |
  sort -u | sed "s|^|deb-src $options|" >apt/sources/debian.list
[ -s apt/sources/debian.list ] || skip "apt names no Debian mirror"

own_apt() {
  apt-get --quiet=2 -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$PWD/apt/sources" \
    -o "Dir::State::Lists=$PWD/apt/lists" -o "Dir::Cache=$PWD/apt/cache" -o APT::Sandbox::User= \
    -o Acquire::Languages=none "$@"
}
own_apt update || skip "the mirrors have no package lists for us"
own_apt --download-only source lighttpd || skip "the mirrors have no source package of lighttpd"
# apt has checked what it fetched.
dpkg-source --no-check --extract lighttpd_*.dsc source >/dev/null
rm -rf apt
touch complete
