#!/usr/bin/env bash
# What looks like a secret on its way into an image: the build ends and writes nothing, until the recipe names it.
# secrets.sh <recipe on minimal>
. "$(dirname "$0")/harness.sh"

for tool in jq openssl; do
  command -v "$tool" >/dev/null || { rm -rf "$work"; echo "skipped: no $tool"; exit 77; }
done

mkdir -p "$work/stage/etc/orders" "$work/made"
openssl genpkey -algorithm ed25519 2>/dev/null >"$work/key"
{ echo '# ours'; cat "$work/key"; } >"$work/stage/etc/orders/tls.key"
openssl req -x509 -new -key "$work/key" -subj /CN=orders -days 1 -out "$work/stage/etc/orders/tls.crt" 2>/dev/null
openssl pkey -in "$work/key" -pubout -out "$work/stage/etc/orders/tls.pub"

# recipe <jq filter>: the recipe with these changes, in $work/recipe.json.
recipe() { jq ".trees = [\"stage\"] | $1" "$recipe" >"$work/recipe.json"; }
recipe=$1
refused() {  # <regex>...: the build ends with status 2, says these, and writes nothing
  run 2 build "$work/recipe.json" -o "$work/made"
  for regex; do says err "$regex"; done
  [ "$(head -n 1 "$work/err" | grep -c '^vmimage: ')" = 1 ] || fail "the first line is no message"
  [ -z "$(ls -A "$work/made")" ] || fail "files are there: $(ls -A "$work/made")"
}

recipe .
refused "^vmimage: '/etc/orders/tls.key' holds what looks like a private key \(line 2 of '$work/stage/etc/orders/tls.key'\)$" \
  '"allow_secrets": \["/etc/orders/tls.key"\]' 'ALLOW_SECRETS /etc/orders/tls.key'
recipe '.allow_secrets = ["/etc/orders/tls.crt"]'
refused "^vmimage: '/etc/orders/tls.key' holds"
recipe '.allow_secrets = ["/etc/orders"] | .environment = {"DB_PASSWORD": "hunter2", "LEVEL": "info"}'
refused "^vmimage: the environment variable 'DB_PASSWORD' holds"
! grep -q hunter2 "$work/err" || fail "the secret is told"
recipe '.allow_secrets = ["orders/tls.key"]'
refused 'allow_secrets.*neither a full path in the image nor a variable'

# Named as wanted, it goes in as it is.
recipe '.allow_secrets = ["/etc/orders/tls.key", "DB_PASSWORD"] | .environment = {"DB_PASSWORD": "hunter2"}'
run 0 build "$work/recipe.json" -o "$work/made" --stem image
run 0 cat "$work/made/image.qcow2" /etc/orders/tls.key
cmp "$work/out" "$work/stage/etc/orders/tls.key"
