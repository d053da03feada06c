"""A function that does as it is told, on every Python that Lambda runs: 3.8 is the oldest."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import pathlib
import sys
import time

calls = 0


class Refused(Exception):
    pass


def handler(event, context):
    return globals()[event["do"]](event.get("with"), context)


# Answers


def echo(event, context):
    return event


def nothing(event, context):
    pass


def raw(event, context):
    return bytes(event)


def unserializable(event, context):
    return {"answer": {1, 2}}


def not_a_number(event, context):
    return {"answer": float("nan")}


# What it knows


def fields(event, context):
    client = context.client_context
    return {
        "request": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "name": context.function_name,
        "version": context.function_version,
        "memory": context.memory_limit_in_mb,
        "group": context.log_group_name,
        "stream": context.log_stream_name,
        "remaining": context.get_remaining_time_in_millis(),
        "custom": client.custom if client else None,
        "identity": context.identity.cognito_identity_id,
        "tenant": getattr(context, "tenant_id", None),
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
    }


def trace_context(event, context):
    return context.w3c()


def surroundings(event, context):
    return {
        "variables": dict(os.environ),
        "directory": str(pathlib.Path.cwd()),
        "path": sys.path,
        "user": os.getuid(),
    }


def writable(event, context):
    """The reason each place cannot be written to, None where it can."""
    return {place: _why_not_writable(place) for place in event}


def _why_not_writable(place):
    try:
        pathlib.Path(place, "written").write_text("x")
    except OSError as error:
        return error.strerror
    return None


def count(event, context):
    """How often this environment was asked, and whether what an earlier one wrote is there."""
    global calls
    calls += 1
    kept = pathlib.Path("/tmp/kept")
    was_kept = kept.exists()
    kept.touch()
    return [calls, was_kept]


def sdk(event, context):
    import boto3

    client = boto3.client("lambda")
    return [boto3.__file__, client.meta.region_name]


# Errors and endings


def fail(event, context):
    raise Refused(event)


def leave(event, context):
    sys.exit(event)


def vanish(event, context):
    os._exit(event)


def kill(event, context):
    os.kill(os.getpid(), event)
    time.sleep(60)


def crash(event, context):
    ctypes.string_at(0)


def hoard(event, context):
    hoard = []
    while True:
        hoard.append(bytearray(b"x" * 10_000_000))


def sleep(event, context):
    time.sleep(event)


# Logs


def log(event, context):
    logging.getLogger().warning("two\nlines")
    logging.getLogger().info("too quiet")
    sys.stdout.write("printed\n")
    sys.stderr.write("to stderr\n")


def log_levels(event, context):
    logger = logging.getLogger("orders")
    logger.debug("said at debug")
    logger.info("said at info", extra={"order": 7})
    logger.error("said at error")
    try:
        raise Refused("logged")
    except Refused:
        logger.exception("said with a trace")
    sys.stdout.write(json.dumps({"printed": True}) + "\n")
