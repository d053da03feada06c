"""The functions that tests of `lambent rie` invoke: their module is `function`."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any


def echo(event: Any, context: Any) -> Any:
    return event


def boom(event: Any, context: Any) -> Any:
    raise ValueError("boom")


def sleeper(event: dict[str, Any], context: Any) -> int:
    """Says when it has begun, and when it is over, if it comes so far."""
    print("asleep", flush=True)
    time.sleep(event.get("seconds", 0))
    print("awake", flush=True)
    return os.getpid()


def hold(event: dict[str, Any], context: Any) -> int:
    """Comes back when the file `until` is there."""
    while not Path(event["until"]).exists():
        time.sleep(0.01)
    return os.getpid()


def together(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Comes back when so many processes have been here: all of them in `folder` at one time."""
    folder = Path(event["folder"])
    (folder / str(os.getpid())).touch()
    while len(list(folder.iterdir())) < event["count"]:
        time.sleep(0.01)
    return {
        "pid": os.getpid(),
        "instance": os.environ["_INSTANCE"],
        "runtime_api": os.environ["AWS_LAMBDA_RUNTIME_API"],
        "request_id": context.aws_request_id,
    }


def crash(event: dict[str, Any], context: Any) -> Any:
    """With `code`, it ends its process; with `signal`, it has it killed."""
    if "signal" in event:
        os.kill(os.getpid(), event["signal"])
    if "code" in event:
        os._exit(event["code"])
    return os.getpid()


def ctx(event: Any, context: Any) -> dict[str, Any]:
    client = context.client_context
    return {
        "request_id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "name": context.function_name,
        "version": context.function_version,
        "memory": context.memory_limit_in_mb,
        "log_group": context.log_group_name,
        "log_stream": context.log_stream_name,
        "remaining_ms": context.get_remaining_time_in_millis(),
        "client_context": None if client is None else {"custom": client.custom, "env": client.env},
        "tenant_id": getattr(context, "tenant_id", None),
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
    }


def env(event: Any, context: Any) -> dict[str, str]:
    return {**dict(os.environ), "cwd": os.getcwd()}  # noqa: PTH109 - as the function sees it


def printer(event: dict[str, Any], context: Any) -> int:
    """Prints `text`, and says who it is."""
    print(event["text"], flush=True)
    return os.getpid()


def remaining(event: dict[str, Any], context: Any) -> int:
    time.sleep(event.get("seconds", 0))
    return int(context.get_remaining_time_in_millis())


def large(event: dict[str, Any], context: Any) -> str:
    return "x" * int(event["bytes"])
