#!/usr/bin/env bash
# imds.sh <folder> <log>: one request on standard input is answered as EC2's instance metadata service, version 2, does:
# nothing is given without a token. What there is, is in the folder; each request and its status go into the log.
set -euo pipefail

answer() {  # <status> <content type> <file>
  printf '%s %s %s\n' "$1" "$method" "$resource" >>"$log"
  printf 'HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %s\r\nServer: EC2ws\r\nConnection: close\r\n\r\n' \
    "$1" "$2" "$(stat -c %s "$3")"
  cat "$3"
}

log=$2
cd "$1"
IFS=$' \r' read -r method resource _
lifetime='' token=''
while IFS=$' \r' read -r name value && [ -n "$name" ]; do
  case ${name,,} in
    x-aws-ec2-metadata-token-ttl-seconds:) lifetime=$value ;;
    x-aws-ec2-metadata-token:) token=$value ;;
  esac
done
if [ "$method $resource" = 'PUT /latest/api/token' ]; then
  if [ "${lifetime:-0}" -ge 1 ] && [ "$lifetime" -le 21600 ]; then answer 200 text/plain token; else answer 400 text/html error; fi
elif [ "$token" != "$(<token)" ]; then
  answer 401 text/html error
elif [ "$method" = GET ] && [ -f ".$resource" ]; then
  answer 200 application/octet-stream ".$resource"
else
  answer 404 text/html error
fi
