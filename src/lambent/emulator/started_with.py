"""The variables this process was started with, as the kernel shows them to others of this user.

/proc/PID/environ is the memory in which they were handed over, for as long as the process lives. A
function would read its emulator's there, and the broker's password among them.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

# Of names: where the broker is and what it is reached with.
SECRET_PREFIX = "AMQP_"
# See proc_pid_stat(5); counted from what stands behind the program's name.
_ENV_START, _ENV_END = 47, 48
_SECRET = re.compile(rb"(?:\A|\0)%b[^=\0]*=([^\0]+)" % SECRET_PREFIX.encode())


def hide_secrets() -> None:
    """From now on they look empty; our own copies stay as they are.

    Where there is no /proc, nobody sees them.
    """
    with contextlib.suppress(OSError):
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        start, end = int(fields[_ENV_START]), int(fields[_ENV_END])
        memory = os.open("/proc/self/mem", os.O_RDWR | os.O_CLOEXEC)
        try:
            shown = os.pread(memory, end - start, start)
            for begin, behind in _secrets(shown):
                os.pwrite(memory, bytes(behind - begin), start + begin)
        finally:
            os.close(memory)


def _secrets(shown: bytes) -> list[tuple[int, int]]:
    """Where their values begin and end."""
    return [match.span(1) for match in _SECRET.finditer(shown)]
