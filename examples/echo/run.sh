#!/bin/sh
# Run the function's image with `lambent rie` in it, as any user and with nothing to write to.
# With AMQP_URI set, it takes requests from that broker, too.
set -eu
cd "$(dirname "$0")"
emulator=$(realpath ../../dist/lambent-rie)
[ -x "$emulator" ] || { echo "Build the emulator first: make rie" >&2; exit 1; }

docker build --quiet --tag echo-lambda .
exec docker run --rm --read-only --cap-drop all --user "$(id -u):$(id -g)" --publish 8080:8080 \
  --volume "$emulator:/usr/local/bin/aws-lambda-rie:ro" \
  --env AWS_LAMBDA_FUNCTION_NAME=echo-lambda \
  ${AMQP_URI:+--env "AMQP_URI=$AMQP_URI"} \
  echo-lambda
