#!/bin/bash
# What AWS's own images do at their start: the handler is the only argument. On AWS there is a
# Runtime API; anywhere else the emulator provides one.
export _HANDLER=$1
if [ -n "${AWS_LAMBDA_RUNTIME_API:-}" ]; then
  exec "$LAMBDA_TASK_ROOT/bootstrap"
fi
exec /usr/local/bin/aws-lambda-rie "$LAMBDA_TASK_ROOT/bootstrap"
