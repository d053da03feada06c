"""The invocation an environment is at work on, and what is said of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.domain.invocation import InvocationResult, invocation_error_payload
from lambent.domain.trace import SampledTrace, sampled_trace
from lambent.execution_environment.apis.answer import Answer
from lambent.telemetry.clock import now_ms
from lambent.telemetry.platform_events import End, Report, RuntimeDone, Start
from lambent.telemetry.platform_records import Span

if TYPE_CHECKING:
    import asyncio

    from lambent.domain.function import FunctionVersion
    from lambent.domain.invocation import Invocation
    from lambent.execution_environment.output.environment_log import EnvironmentLog
    from lambent.telemetry.platform_records import PhaseStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an invocation ended, for its REPORT line."""

    status: PhaseStatus = "success"  # then the environment is fit for the next one
    error_type: str | None = None


SUCCESS = Ending()
# https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html#span
_SPANS = ("responseLatency", "responseDuration", "runtimeOverhead")


@dataclass(slots=True, kw_only=True)
class CurrentInvocation:
    """From `Environment.invoke` until its REPORT line; the caller may have its answer before."""

    invocation: Invocation
    log: EnvironmentLog
    started: float  # monotonic seconds: the event loop's own clock has whole milliseconds only
    deadline_ms: int
    result: asyncio.Future[InvocationResult]  # what the caller gets
    wants_log_tail: bool
    log_tail: bytes = b""
    sent: float | None = None  # monotonic seconds: the runtime has it
    answered: float = 0.0
    answer: Answer | None = None
    is_runtime_done: bool = False
    trace: SampledTrace | None = None

    @property
    def request_id(self) -> str:
        return self.invocation.request_id

    def begin(self, version: FunctionVersion) -> None:
        """Say that it is handed over, or would be."""
        self.trace = sampled_trace(self.invocation.trace_header)
        self.sent = time.monotonic()
        if self.log.hears(Start.type):
            self.log.platform(
                Start(
                    request_id=self.request_id,
                    version=version.version,
                    trace=self.trace,
                    tenant_id=self.invocation.tenant_id,
                )
            )

    def take(self, answer: Answer) -> None:
        """The runtime, or the platform in its place, answered."""
        self.answer = answer
        self.answered = time.monotonic()

    def runtime_done(self, ending: Ending) -> None:
        """The runtime asked for what comes next, or never will."""
        if self.is_runtime_done:
            return
        self.is_runtime_done = True
        if not self.log.wants_records:
            return
        now, sent = time.monotonic(), self.sent or self.started
        self.log.platform(
            RuntimeDone(
                request_id=self.request_id,
                duration=(now - sent) * 1000,
                produced_bytes=self.answer.produced_bytes if self.answer is not None else 0,
                status=ending.status,
                error_type=ending.error_type,
                spans=self._spans(sent, now),
                trace=self.trace,
                tenant_id=self.invocation.tenant_id,
            )
        )

    def _spans(self, sent: float, now: float) -> tuple[Span, ...]:
        if self.answer is None:
            return ()
        # Until the response begins, until it is here, and until the runtime wants more.
        marks = (sent, max(sent, self.answer.began or self.answered), self.answered, now)
        sent_ms = now_ms() - int((now - sent) * 1000)
        return tuple(
            Span(
                name=name,
                start_ms=sent_ms + int((begin - sent) * 1000),
                duration=(end - begin) * 1000,
            )
            for name, begin, end in zip(_SPANS, marks, marks[1:], strict=False)
        )

    def report(
        self,
        version: FunctionVersion,
        ending: Ending,
        max_memory_used_mib: int,
        *,
        init_duration: float | None,
        restore_duration: float | None = None,
    ) -> None:
        """Say how it ended; what is logged from here on is not its any more."""
        self.log.platform(End(request_id=self.request_id))
        self.log.platform(
            Report(
                request_id=self.request_id,
                duration=(time.monotonic() - self.started) * 1000,
                memory_size_mib=version.memory_mib,
                max_memory_used_mib=max_memory_used_mib,
                init_duration=init_duration,
                restore_duration=restore_duration,
                status=ending.status,
                error_type=ending.error_type,
                trace=self.trace,
                tenant_id=self.invocation.tenant_id,
            )
        )
        if self.wants_log_tail:
            self.log_tail = self.log.end_tail()

    def settle(self) -> None:
        """Give the caller the answer, if it does not have it yet."""
        if self.answer is None or self.result.done():
            return
        self.result.set_result(
            InvocationResult(
                payload=self.answer.payload,
                is_function_error=self.answer.is_error,
                error_type=self.answer.error_type,
                log_tail=self.log_tail,
                duration_ms=(time.monotonic() - self.started) * 1000,
            )
        )


def platform_answer(current: CurrentInvocation | None, message: str, error_type: str) -> Answer:
    """What the platform answers in place of a runtime that can not."""
    request_id = current.request_id if current is not None else ""
    payload = invocation_error_payload(error_type, request_id, message)
    return Answer(payload=payload, error_type=error_type)
