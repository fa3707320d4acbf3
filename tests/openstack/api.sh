# shellcheck shell=bash
# OpenStack's interfaces by curl, as the cloud's administrator; sourced by services.sh and by tests.

# authenticate: gets a token, and where the services are.
authenticate() {
  local answer
  answer=$(curl --silent --show-error --fail --include --max-time 60 http://127.0.0.1:5000/v3/auth/tokens \
    --header 'Content-Type: application/json' --data '{"auth": {
      "identity": {"methods": ["password"], "password": {"user": {"name": "admin", "domain": {"id": "default"}, "password": "test"}}},
      "scope": {"project": {"name": "admin", "domain": {"id": "default"}}}}}')
  answer=${answer//$'\r'/}
  token=$(sed -n 's/^X-Subject-Token: //Ip' <<<"$answer")
  catalog=$(tail -n 1 <<<"$answer" | jq '.token.catalog')
}

# api <method> <kind of service> <path> [<body>]: prints what it answers; fails when that is an error.
api() {
  local url body=()
  url=$(jq -r --arg kind "$2" '.[] | select(.type == $kind) | .endpoints[] |
    select(.interface == "public" and .region == "test").url' <<<"$catalog")
  [[ -n $url ]] || { echo "the cloud has no service of the kind '$2'" >&2; return 1; }
  [[ $# -lt 4 ]] || body=(--data "$4")
  curl --silent --show-error --fail-with-body --max-time 120 --request "$1" "$url$3" --header "X-Auth-Token: $token" \
    --header 'Content-Type: application/json' --header 'OpenStack-API-Version: compute 2.79' "${body[@]}"
}
