#!/bin/bash
# The same as echo_runtime.c, for machines without a C compiler.
export LC_ALL=C
api=$AWS_LAMBDA_RUNTIME_API
exec 4<>"/dev/tcp/${api%:*}/${api#*:}" || exit

receive() {  # sets id and body
  local line length=0
  while IFS= read -r line <&4 && line=${line%$'\r'} && [[ $line ]]; do
    case ${line,,} in
      lambda-runtime-aws-request-id:*) id=${line#*: } ;;
      content-length:*) length=${line#*: } ;;
    esac
  done
  body=
  ((length == 0)) || IFS= read -r -N "$length" body <&4
}

path=/2018-06-01/runtime/invocation
while printf 'GET %s/next HTTP/1.1\r\nHost: runtime\r\n\r\n' "$path" >&4; do
  receive
  printf 'POST %s/%s/response HTTP/1.1\r\nHost: runtime\r\nContent-Length: %d\r\n\r\n%s' \
    "$path" "$id" "${#body}" "$body" >&4
  receive
done
