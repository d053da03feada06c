"""One function that does what its event says, for tests that share an instance."""

from __future__ import annotations

import importlib
import os
import time
from typing import Any

function = importlib.import_module("function")  # beside this one, wherever that is


def handler(event: Any, context: Any) -> Any:
    action = event.get("do", "") if isinstance(event, dict) else ""
    if action == "sleep":
        time.sleep(event["seconds"])
        return context.get_remaining_time_in_millis()
    if action == "pid":
        return os.getpid()
    if action in ("boom", "crash", "ctx", "env", "hold", "large"):
        return getattr(function, action)(event, context)
    return event
