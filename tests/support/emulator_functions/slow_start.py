"""A function whose module takes longer to load than the function may take."""

from __future__ import annotations

import time
from typing import Any

time.sleep(1.2)


def handler(event: Any, context: Any) -> Any:
    return event
