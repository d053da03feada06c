"""What the emulator itself says, on stderr: lines for people, or JSON for what collects logs.

Both are in the form of lambda-runtime-api-daemon's, for whoever has taught a collector to read it.
"""

from __future__ import annotations

import json
import logging
import sys
import textwrap
from datetime import UTC, datetime
from typing import Any

_APP = "lambent"
# What others chose stands in some lines: it is neither to begin another nor to move a terminal's
# cursor. Those of Unicode that end a line, some programs take for its end, too.
_CONTROLS = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
_ESCAPED = {code: repr(chr(code))[1:-1] for code in _CONTROLS}
_ESCAPED_IN_TRACEBACK = {code: text for code, text in _ESCAPED.items() if code != ord("\n")}


def log_to_stderr(level: str, *, is_structured: bool) -> None:
    """From now on, and from that level of Python's; libraries only tell of what goes wrong."""
    target = logging.StreamHandler(sys.stderr)
    target.setFormatter(JsonLines() if is_structured else PlainLines())
    number = logging.getLevelNamesMapping()[level]
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[target], force=True)
    logging.getLogger("lambent").setLevel(level)


class PlainLines(logging.Formatter):
    """`2026-11-21T06:44:10.281Z [INFO] (lambent) listening`"""

    def __init__(self) -> None:
        super().__init__(f"%(asctime)s [%(levelname)s] ({_APP}) %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 (logging calls it so)
        return _timestamp(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the same)
        return super().formatMessage(record).translate(_ESCAPED)

    def formatException(self, ei: Any) -> str:  # noqa: N802 (the same)
        """Indented: no line of it can be taken for one of the log."""
        return textwrap.indent(super().formatException(ei).translate(_ESCAPED_IN_TRACEBACK), "  ")


class JsonLines(logging.Formatter):
    """One object a line, tracebacks and all."""

    def format(self, record: logging.LogRecord) -> str:
        document = {
            "level": record.levelname.lower(),
            "@timestamp": _timestamp(record),
            "caller": f"{record.name}:{record.lineno}",
            "message": record.getMessage(),
            "app": _APP,
        }
        if record.exc_info:
            document["stacktrace"] = self.formatException(record.exc_info)
        return json.dumps(document)


def _timestamp(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
