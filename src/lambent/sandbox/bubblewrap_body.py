"""A running sandbox made by bubblewrap: its end, its memory, its removal."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING

from lambent.sandbox import system_calls
from lambent.sandbox.sandbox import Exit

if TYPE_CHECKING:
    from lambent.sandbox.launcher import Launched

_LAST_SIGNAL = 64


class BubblewrapBody:
    """See `sandbox.Body`."""

    def __init__(self, launched: Launched) -> None:
        self._process = launched.process
        self._inner = launched.inner
        self._group = launched.group
        self.output = launched.output
        self.telemetry = launched.telemetry
        self.exit_descriptor = os.pidfd_open(launched.process.pid)

    def exit(self) -> Exit:
        code, signal_number = _status(self._process.wait())
        is_killed = signal_number == signal.SIGKILL
        return Exit(
            code=code,
            signal=signal_number,
            is_out_of_memory=is_killed and self._group.out_of_memory_kills() > 0,
        )

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._inner, signal.SIGKILL)
        self._group.kill()

    def limit_cpus(self, cpus: float) -> None:
        self._group.limit_cpus(cpus)

    def memory_peak_bytes(self) -> int:
        return self._group.memory_peak_bytes()

    def remove(self) -> None:
        # bwrap ends with the command; process 1 only when the last of the others is gone.
        system_calls.wait_for_death(self._inner)
        self._group.remove()
        os.close(self._inner)
        os.close(self.exit_descriptor)


def _status(returned: int) -> tuple[int | None, int | None]:
    """(code, signal). bwrap passes its command's death by a signal on as 128 and its number."""
    if returned < 0:
        return None, -returned
    if 128 < returned <= 128 + _LAST_SIGNAL:
        return None, returned - 128
    return returned, None
