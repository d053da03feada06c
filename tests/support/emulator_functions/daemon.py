"""A function that leaves a process behind, in a session of its own."""

from __future__ import annotations

import os
import subprocess
from typing import Any


def handler(event: dict[str, Any], context: Any) -> int:
    """The number of that process, which is nobody's child; with `code`, its own process ends."""
    if "code" in event:
        os._exit(event["code"])
    started = subprocess.run(
        ["/bin/sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo $!"],
        stdout=subprocess.PIPE,
        env=os.environ if event["keeps_variables"] else {},
        start_new_session=True,
        check=True,
    )
    return int(started.stdout)
