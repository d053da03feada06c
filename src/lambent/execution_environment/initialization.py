"""One init of an environment: how long it may take, and what is said of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from lambent.domain.quotas import INIT_SECONDS, LONG_INIT_SECONDS
from lambent.telemetry import extension_events
from lambent.telemetry.platform_events import InitReport, InitRuntimeDone, InitStart

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lambent.domain.function import FunctionVersion
    from lambent.execution_environment.apis.extension import Extension
    from lambent.execution_environment.output.environment_log import EnvironmentLog
    from lambent.execution_environment.runtimes.runtime import Runtime
    from lambent.telemetry.platform_events import InitializationType
    from lambent.telemetry.platform_lines import InitPhase
    from lambent.telemetry.platform_records import PhaseStatus


def init_seconds(version: FunctionVersion, initialization_type: InitializationType) -> float:
    """How long an init phase may take; one within an invocation has the function's time-out."""
    if initialization_type == "on-demand":
        return INIT_SECONDS
    return max(LONG_INIT_SECONDS, version.timeout_seconds)


class Initialization:
    """An init that began at `started` (monotonic seconds); `end` is called once."""

    def __init__(
        self,
        log: EnvironmentLog,
        version: FunctionVersion,
        runtime: Runtime,
        initialization_type: InitializationType,
        phase: InitPhase,
        started: float,
    ) -> None:
        self._log = log
        self._type: InitializationType = initialization_type
        self._phase: InitPhase = phase
        self._started = started
        self._is_runtime_done = False
        log.platform(
            InitStart(
                initialization_type=initialization_type,
                phase=phase,
                runtime_version=runtime.version_text,
                runtime_version_arn=runtime.version_arn(version.region),
                function_name=version.name,
                function_version=version.version,
                instance_id=log.stream_name,
                memory_mib=version.memory_mib,
            )
        )

    def elapsed_ms(self) -> float:
        return (time.monotonic() - self._started) * 1000

    def runtime_done(self, status: PhaseStatus = "success", error_type: str | None = None) -> None:
        """The runtime asked for its first invocation, or never will."""
        if self._is_runtime_done:
            return
        self._is_runtime_done = True
        if self._log.wants_records:
            self._log.platform(
                InitRuntimeDone(
                    initialization_type=self._type,
                    phase=self._phase,
                    status=status,
                    error_type=error_type,
                )
            )

    def end(
        self,
        extensions: Iterable[Extension],
        status: PhaseStatus = "success",
        error_type: str | None = None,
    ) -> None:
        """Everybody is ready, or something failed."""
        self.runtime_done(status, error_type)
        for each in extensions:
            self._log.platform(
                extension_events.Extension(
                    name=each.name,
                    state=each.state,
                    events=tuple(each.events),
                    error_type=each.error_type,
                )
            )
        self._log.platform(
            InitReport(
                initialization_type=self._type,
                phase=self._phase,
                duration=self.elapsed_ms(),
                status=status,
                error_type=error_type,
            )
        )
