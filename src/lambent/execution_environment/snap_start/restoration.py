"""One start from a snapshot, and what is said of it: `initialization.py`'s other form.

https://docs.aws.amazon.com/lambda/latest/dg/snapstart-monitoring.html
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from lambent.telemetry.platform_events import RestoreReport, RestoreRuntimeDone, RestoreStart

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lambent.domain.errors import ServiceError
    from lambent.domain.function import FunctionVersion
    from lambent.execution_environment.apis.extension import Extension
    from lambent.execution_environment.output.environment_log import EnvironmentLog
    from lambent.execution_environment.runtimes.runtime import Runtime
    from lambent.telemetry.platform_records import PhaseStatus


class RestoreFailed(Exception):
    """Raised when an environment could not go on from its snapshot; `error` is for the caller."""

    def __init__(self, error: ServiceError) -> None:
        super().__init__(error.message)
        self.error = error


class Restoration:
    """A restore that began at `started` (monotonic seconds); `end` is called once."""

    def __init__(
        self, log: EnvironmentLog, version: FunctionVersion, runtime: Runtime, started: float
    ) -> None:
        self._log = log
        self._started = started
        self._is_runtime_done = False
        log.platform(
            RestoreStart(
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
            self._log.platform(RestoreRuntimeDone(status=status, error_type=error_type))

    def end(
        self,
        extensions: Iterable[Extension],
        status: PhaseStatus = "success",
        error_type: str | None = None,
    ) -> None:
        """All hooks have run, or something failed; what is restored has no extensions."""
        self.runtime_done(status, error_type)
        self._log.platform(
            RestoreReport(duration=self.elapsed_ms(), status=status, error_type=error_type)
        )
