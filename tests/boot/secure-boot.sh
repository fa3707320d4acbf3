#!/usr/bin/env bash
# An image that is signed boots where its key is known; one that is not, or with another key, is refused. The key stays
# where it is, and a changed service signs nothing.
# secure-boot.sh <recipe on minimal>: one whose base is in the cache.
. "$(dirname "$0")/harness.sh"

recipe=$1
store=/usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd # knows a key that is public
snakeoil=/usr/share/ovmf/PkKek-1-snakeoil
skip() { rm -rf "$work"; echo "skipped: no $1"; exit 77; }
for tool in jq openssl osslsigncode sbverify; do command -v "$tool" >/dev/null || skip "$tool"; done
for file in "$store" "$snakeoil.key" "$snakeoil.pem"; do [ -e "$file" ] || skip "$file"; done

# A cache for what is made of a key.
kept=${VMIMAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vmimage}
export VMIMAGE_CACHE=$work/cache
mkdir "$VMIMAGE_CACHE"
for kind in index kit package pins rootfs; do [ ! -d "$kept/$kind" ] || ln -s "$kept/$kind" "$VMIMAGE_CACHE"; done

mkdir "$work/keys" "$work/made"
openssl pkey -in "$snakeoil.key" -passin pass:snakeoil -out "$work/keys/snakeoil.key"
cp "$snakeoil.pem" "$work/keys/snakeoil.pem"
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=other -days 2 \
  -keyout "$work/keys/other.key" -out "$work/keys/other.pem" 2>/dev/null

# A service that says what the kernel knows of Secure Boot, and then is examples/hello.
cat >"$work/state" <<'END'
#!/bin/sh
dmesg | grep -i 'secure boot'
exec /usr/bin/hello
END
chmod +x "$work/state"

# make <name> <jq filter>: the image of the recipe with these changes, in $work/made.
make() {
  jq ".files += [{source: \"state\", destination: \"/usr/bin/state\"}] | .command = [\"/usr/bin/state\"] |
    .user = \"root\" | $2" "$recipe" >"$work/$1.json"
  run 0 build "$work/$1.json" -o "$work/made" --stem "$1"
}
signed_by() { echo ".secure_boot_key = \"keys/$1.key\" | .secure_boot_certificate = \"keys/$1.pem\""; }

make plain .
make other "$(signed_by other)"
make snakeoil "$(signed_by snakeoil)"
says err 'signature for Secure Boot'
signed=$(sha256sum <"$work/made/snakeoil.qcow2")
make snakeoil "$(signed_by snakeoil) | .environment = {LEVEL: \"debug\"}"
! grep -q 'signature for Secure Boot' "$work/err" || fail "a changed service was signed again"
[ "$(sha256sum <"$work/made/snakeoil.qcow2")" != "$signed" ] || fail "the changed image is the same"

# Another program's opinion, and where the key is.
for name in plain other snakeoil; do
  "$VMIMAGE" cp "$work/made/$name.qcow2:/EFI/BOOT/BOOTX64.EFI" "$work/$name.efi" --partition 2
done
verified() { sbverify --cert "$work/keys/$2.pem" "$work/$1.efi" >"$work/sbverify.log" 2>&1; }
verified snakeoil snakeoil || fail "sbverify does not take the signature"
verified other other || fail "sbverify does not take the other signature"
! verified plain snakeoil || fail "sbverify takes what is not signed"
! verified other snakeoil || fail "sbverify takes the signature of another key"
for name in other snakeoil; do
  ! grep -rlaF "$(sed -n 3p "$work/keys/$name.key")" "$work/made" "$work/cache" || fail "a key was copied"
done

# What the firmware does: with the key it starts the image, and the kernel knows of Secure Boot.
secure=(--check --secure-boot --secure-boot-vars "$store" --timeout 150)
run 0 boot "$work/made/snakeoil.qcow2" "${secure[@]}" --serial-log "$work/snakeoil.log"
says err 'healthy after'
grep -aq 'Secure boot enabled' "$work/snakeoil.log" || fail "the kernel does not know of Secure Boot"

# Else it refuses it, and nothing answers.
denied() { grep -aEq 'Access Denied|Security Violation' "$work/$1.log" 2>/dev/null; }
for name in plain other; do
  start boot "$work/made/$name.qcow2" "${secure[@]}" --serial-log "$work/$name.log"
  await "a refusal" denied "$name"
  sleep 1
  ! grep -aq 'hello: listening' "$work/$name.log" || fail "$name.qcow2 boots"
  kill -INT "$pid"
  expect_end 130
done

# Recipes and options that cannot be.
refused() {  # <regex> <jq filter>
  jq "$2" "$work/snakeoil.json" >"$work/wrong.json"
  run 2 build "$work/wrong.json" -o "$work/made" --stem wrong
  says err "$1"
  [ -z "$(find "$work/made" -name 'wrong*')" ] || fail "files are there"
}
refused "^vmimage: failed to read the Secure Boot key '.*/absent': no such file" '.secure_boot_key = "absent"'
refused "^vmimage: '.*/snakeoil.pem' is no private key" '.secure_boot_key = .secure_boot_certificate'
refused "other.key' and the certificate '.*/snakeoil.pem' do not belong together" '.secure_boot_key = "keys/other.key"'
run 2 boot "$work/made/plain.qcow2" --check --secure-boot --firmware bios
says err "^vmimage: there is no Secure Boot with the firmware 'bios'"
run 2 boot "$work/made/plain.qcow2" --check --secure-boot --secure-boot-vars "$work/absent"
says err "^vmimage: failed to read the variable store '.*/absent': no such file"
run 2 boot "$work/made/plain.qcow2" --check --secure-boot --secure-boot-vars "$recipe"
says err "is no variable store of the firmware"
