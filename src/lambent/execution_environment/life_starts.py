"""How the lives of one environment start, each by an init or a restore, and what is told of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from lambent.execution_environment.initialization import Initialization
from lambent.execution_environment.runtimes.runtime import runtime_for
from lambent.execution_environment.snap_start.restoration import Restoration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.domain.function import FunctionVersion
    from lambent.execution_environment.current_invocation import Ending
    from lambent.execution_environment.life import Life
    from lambent.execution_environment.output.environment_log import EnvironmentLog
    from lambent.execution_environment.runtimes.runtime import Runtime
    from lambent.telemetry.platform_events import InitializationType
    from lambent.telemetry.platform_lines import InitPhase


class LifeStarts:
    """For each life `open`, `begin`, `runtime_done` and `end`, in this order."""

    def __init__(
        self,
        log: EnvironmentLog,
        version: FunctionVersion,
        runtimes: Mapping[str, Runtime],
        kind: InitializationType,
    ) -> None:
        self._log = log
        self._version = version
        self._runtimes = runtimes
        self._kind: InitializationType = kind
        self._opened = time.monotonic()
        self._is_open = False  # and has not begun
        self._start: Initialization | Restoration | None = None
        self._init_duration_ms: float | None = None
        self._restore_duration_ms: float | None = None

    @property
    def is_restore(self) -> bool:
        """The life at work goes on from a snapshot, and is not there yet."""
        return isinstance(self._start, Restoration)

    def open(self) -> None:
        """From now on a place for it is made."""
        self._opened = time.monotonic()
        self._is_open = True

    def begin(self, *, is_restored: bool, is_own_phase: bool) -> None:
        """Its runtime is about to start; in a phase of its own, or within an invocation."""
        self._is_open = False
        runtime = runtime_for(self._runtimes, self._version)
        if is_restored:
            self._start = Restoration(self._log, self._version, runtime, self._opened)
        else:
            phase: InitPhase = "init" if is_own_phase else "invoke"
            self._start = Initialization(
                self._log, self._version, runtime, self._kind, phase, self._opened
            )

    def runtime_done(self) -> None:
        if self._start is not None:
            self._start.runtime_done()

    def end(self, life: Life | None, ending: Ending, *, is_own_phase: bool) -> None:
        """It is ready or has failed; nothing is said twice, or of a life that is gone."""
        if self._is_open:  # it failed before there was a place for it
            self.begin(is_restored=False, is_own_phase=is_own_phase)
        start, self._start = self._start, None
        if start is None or life is None:
            return
        if ending.status != "success":
            life.drain_output()
        elif is_own_phase:
            self._note_duration(start)
        start.end(life.extensions, ending.status, ending.error_type)
        life.end_subscribing()

    def take_durations(self) -> tuple[float | None, float | None]:
        """(init, restore) in milliseconds, for the one REPORT line that tells them."""
        durations = self._init_duration_ms, self._restore_duration_ms
        self._init_duration_ms = self._restore_duration_ms = None
        return durations

    def _note_duration(self, start: Initialization | Restoration) -> None:
        # What is made ready ahead has a line of its own for its init.
        if isinstance(start, Restoration):
            self._restore_duration_ms = start.elapsed_ms()
        elif self._kind == "on-demand":
            self._init_duration_ms = start.elapsed_ms()
