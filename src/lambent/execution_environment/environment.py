"""One execution environment: a place that runs one function version, one invocation at a time.

`run` is the one owner of everything the environment holds; `invoke` is called by whoever has an
invocation. Between them stand the states of `lifecycle.py` and a few events: the runtime is ready,
failed to initialise, answered, exited, or ran out of time. The life of an environment:
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.domain.invocation import ErrorType, Invocation, InvocationResult, error_payload
from lambent.domain.quotas import INIT_SECONDS, LOG_TAIL_BYTES, MIB
from lambent.execution_environment import runtime_process
from lambent.execution_environment.exit_reason import exit_reason
from lambent.execution_environment.lifecycle import (
    EnvironmentEvent,
    EnvironmentState,
    next_environment_state,
)
from lambent.execution_environment.runtime_api import Answer, RuntimeApi
from lambent.execution_environment.runtimes import InvalidEntrypoint, RuntimeUnavailable
from lambent.telemetry import platform_lines
from lambent.telemetry.clock import now_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.domain.function import FunctionVersion
    from lambent.execution_environment.runtime_process import Parts, RuntimeProcess
    from lambent.sandbox.sandbox import Exit, Volume

logger = logging.getLogger(__name__)


class EnvironmentUnavailable(Exception):
    """Raised when an environment was closed, or could not be made, before it answered."""


@dataclass(slots=True, kw_only=True)
class CurrentInvocation:
    """The invocation an environment is at work on."""

    invocation: Invocation
    started: float  # monotonic seconds: the event loop's own clock has whole milliseconds only
    deadline_ms: int
    timer: asyncio.TimerHandle
    result: asyncio.Future[InvocationResult]  # what the caller gets
    tail: bytearray | None  # its log so far, when the caller asked for that
    is_sent: bool = False
    answer: Answer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an invocation ended, for its REPORT line."""

    status: platform_lines.Status | None = None  # None when the environment is fit for the next one
    error_type: str | None = None


class Environment:
    """An execution environment, from its first init to its shutdown."""

    def __init__(
        self, version: FunctionVersion, parts: Parts, on_available: Callable[[Environment], None]
    ) -> None:
        self.version = version
        self.state = EnvironmentState.INITIALIZING
        self.last_used = time.monotonic()
        self.log_stream_name = platform_lines.log_stream_name(version.version, now_ms())
        self.was_available = False
        self.id = self.log_stream_name.rpartition("]")[2]
        self._parts = parts
        self._tell_available = on_available
        self._started = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.log = parts.logs.open_stream(
            account_id=version.account_id,
            region=version.region,
            group=version.log_group,
            stream=self.log_stream_name,
        )
        self._api: RuntimeApi | None = None
        self._process: RuntimeProcess | None = None
        self._is_wanted = asyncio.Event()  # a runtime is needed, or the end has come
        self._current: CurrentInvocation | None = None
        self._init_started = 0.0
        self._init_timer: asyncio.TimerHandle | None = None
        self._init_duration_ms: float | None = None  # until a REPORT line has told it

    @property
    def is_between_answer_and_next(self) -> bool:
        """The caller has its answer, and the runtime has not yet asked for more."""
        return self._current is not None and self._current.answer is not None

    async def wait_started(self) -> None:
        """Wait until its first init is over, well or not."""
        await self._started.wait()

    def _on_available(self) -> None:
        self.was_available = True
        self._started.set()
        self._tell_available(self)

    # The owner

    async def run(self) -> None:
        """Live: initialise, serve, be reset and initialised again, until `close`."""
        try:
            size = self.version.ephemeral_storage_mib * MIB
            volume = await self._parts.isolation.volume(size)
            try:
                self._is_wanted.set()
                while await self._wait_wanted():
                    await self._live_once(volume)
            finally:
                await volume.close()
        finally:
            self.close()
            self._started.set()

    async def _wait_wanted(self) -> bool:
        await self._is_wanted.wait()
        self._is_wanted.clear()
        while self.state is EnvironmentState.RESET:
            # The invocation that wanted a runtime ran out of time before its turn came.
            await self._is_wanted.wait()
            self._is_wanted.clear()
        return self.state is not EnvironmentState.SHUTDOWN

    async def _live_once(self, volume: Volume) -> None:
        """One life of a runtime: its start, its end, and what its end means."""
        self._begin_init()
        self._api = api = RuntimeApi(self)
        try:
            async with runtime_process.start(self, self._parts, api, volume) as process:
                self._process = process
                if self._api is not api:  # its time was over before it had started
                    process.kill()
                elif api.has_started:
                    process.end_init()  # it was faster than this task
                process_exit = await process.wait()
                if self._api is api:
                    self._runtime_exited(process, process_exit)
        except (InvalidEntrypoint, RuntimeUnavailable) as error:
            if self._api is api:
                self._fail_init(ErrorType.INVALID_ENTRYPOINT, self._platform_error(error))
        finally:
            self._process = None
            self._api = None

    def close(self) -> None:
        """End this environment; `run` returns once nothing of it is left."""
        self._change(EnvironmentEvent.CLOSE)
        self._cancel_init_timer()
        self._abandon_current()
        self._is_wanted.set()
        self._kill()

    def _kill(self) -> None:
        """End this life of the runtime. What it still says belongs to no invocation any more."""
        if self._api is not None:
            self._api.close()
            self._api = None
        if self._process is not None:
            self._process.kill()

    def _change(self, event: EnvironmentEvent) -> None:
        following = next_environment_state(self.state, event)
        logger.debug("environment %s: %s -> %s", self.id, self.state, following)
        self.state = following

    def _abandon_current(self) -> None:
        current, self._current = self._current, None
        if current is not None:
            current.timer.cancel()
            if not current.result.done():
                current.result.set_exception(EnvironmentUnavailable(self.id))

    # Initialisation

    def _begin_init(self) -> None:
        self._init_started = time.monotonic()
        if self.state is EnvironmentState.INITIALIZING:
            runtime = self._parts.runtimes[self.version.runtime]
            self.emit(
                now_ms(),
                platform_lines.init_start(
                    runtime.version_text, runtime.version_arn(self.version.region)
                ),
            )
            self._init_timer = self._loop.call_later(INIT_SECONDS, self._time_out_init)

    def _cancel_init_timer(self) -> None:
        if self._init_timer is not None:
            self._init_timer.cancel()
            self._init_timer = None

    def _elapsed_init_ms(self) -> float:
        return (time.monotonic() - self._init_started) * 1000

    def _time_out_init(self) -> None:
        self._end_init("timeout", None)
        self._change(EnvironmentEvent.FAIL)
        self._kill()
        self._on_available()

    def _fail_init(self, error_type: str, payload: bytes) -> None:
        """The runtime failed before its first `next`, in the init phase or within an invocation."""
        self._end_init("error", error_type)
        if self._current is None:
            self._change(EnvironmentEvent.FAIL)
            self._kill()
            self._on_available()
        else:
            self._current.answer = Answer(payload=payload, error_type=error_type)
            self._finish(Ending(status="error", error_type=error_type))

    def _end_init(self, status: platform_lines.Status, error_type: str | None) -> None:
        self._cancel_init_timer()
        if self._process is not None:
            self._process.drain_output()
        self.emit(
            now_ms(),
            platform_lines.init_report(
                self._elapsed_init_ms(),
                "init" if self._current is None else "invoke",
                status,
                error_type,
            ),
        )

    # Invocation

    async def invoke(
        self, invocation: Invocation, *, wants_log_tail: bool = False
    ) -> InvocationResult:
        """Run one invocation; the environment must be available.

        A failure of the function is a result. Raises EnvironmentUnavailable when the platform
        failed instead.
        """
        if self.state is EnvironmentState.SHUTDOWN:
            raise EnvironmentUnavailable(self.id)
        self._change(EnvironmentEvent.INVOKE)
        seconds = self.version.timeout_seconds
        self._current = CurrentInvocation(
            invocation=invocation,
            started=time.monotonic(),
            deadline_ms=now_ms() + seconds * 1000,
            timer=self._loop.call_later(seconds, self._time_out),
            result=self._loop.create_future(),
            tail=bytearray() if wants_log_tail else None,
        )
        result = self._current.result
        if self._api is not None and self._api.is_polling:
            self._send(self._current, self._api)
        else:
            self._is_wanted.set()  # it was reset: `runtime_is_ready` sends the invocation
        # A caller that goes away takes only this future along: the function goes on, as on AWS.
        return await result

    def _send(self, current: CurrentInvocation, api: RuntimeApi) -> None:
        self._log_start(current)
        current.is_sent = True
        api.send(current.invocation, current.deadline_ms)

    def _log_start(self, current: CurrentInvocation) -> None:
        self.emit(
            now_ms(), platform_lines.start(current.invocation.request_id, self.version.version)
        )

    def _finish(self, ending: Ending) -> None:
        """The runtime is done with the invocation, well or not: report, and be available again."""
        current = self._current
        assert current is not None
        current.timer.cancel()
        self.last_used = time.monotonic()
        if self._process is not None:
            self._process.drain_output()  # into this invocation's log tail
        self._current = None
        self._report(current, ending)
        self._settle(current)
        if ending.status is None:
            self._change(EnvironmentEvent.DONE)
        else:
            self._change(EnvironmentEvent.FAIL)
            self._kill()
        self._on_available()

    def _report(self, current: CurrentInvocation, ending: Ending) -> None:
        request_id = current.invocation.request_id
        if not current.is_sent:
            self._write_log(
                current, now_ms(), platform_lines.start(request_id, self.version.version)
            )
        if ending.status == "timeout":
            line = platform_lines.task_timed_out(request_id, self.version.timeout_seconds, now_ms())
            self._write_log(current, now_ms(), line)
        self._write_log(current, now_ms(), platform_lines.end(request_id))
        self._write_log(
            current,
            now_ms(),
            platform_lines.report(
                platform_lines.Report(
                    request_id=request_id,
                    duration=(time.monotonic() - current.started) * 1000,
                    memory_size_mib=self.version.memory_mib,
                    max_memory_used_mib=self._memory_peak_mib(),
                    init_duration=self._init_duration_ms,
                    status=ending.status,
                    error_type=ending.error_type,
                )
            ),
        )
        self._init_duration_ms = None

    def _memory_peak_mib(self) -> int:
        peak = self._process.memory_peak_bytes() if self._process is not None else 0
        # The kernel counts a page or so over the limit before it acts; AWS never shows that.
        return min(math.ceil(peak / MIB), self.version.memory_mib)

    def _settle(self, current: CurrentInvocation) -> None:
        """Give the caller its answer, if it does not have it yet."""
        answer = current.answer
        if answer is None or current.result.done():
            return
        current.result.set_result(
            InvocationResult(
                payload=answer.payload,
                is_function_error=answer.is_error,
                log_tail=bytes(current.tail[-LOG_TAIL_BYTES:]) if current.tail else b"",
            )
        )

    def _time_out(self) -> None:
        current = self._current
        assert current is not None
        if current.answer is None:
            message = platform_lines.task_timed_out_message(self.version.timeout_seconds)
            current.answer = Answer(
                payload=self._platform_error(message, ErrorType.TIMED_OUT),
                error_type=ErrorType.TIMED_OUT,
            )
        self._finish(Ending(status="timeout"))

    def _platform_error(
        self, message: object, error_type: ErrorType = ErrorType.INVALID_ENTRYPOINT
    ) -> bytes:
        request_id = self._current.invocation.request_id if self._current is not None else ""
        return error_payload(error_type, f"RequestId: {request_id} Error: {message}")

    # What the Runtime API tells

    def runtime_is_ready(self) -> None:
        current = self._current
        if self._process is not None and not self._process.is_initialized:
            self._process.end_init()
        if self.state is EnvironmentState.INITIALIZING:
            self._cancel_init_timer()
            self._init_duration_ms = self._elapsed_init_ms()
            self._change(EnvironmentEvent.INITIALIZED)
            self._on_available()
        elif current is not None and not current.is_sent and self._api is not None:
            self._send(current, self._api)
        elif current is not None and current.answer is not None:
            self._finish(Ending())

    def runtime_failed_to_initialize(self, error: Answer) -> None:
        if self.state is EnvironmentState.INITIALIZING or self._current is not None:
            self._fail_init(error.error_type or ErrorType.UNKNOWN, error.payload)

    def runtime_answered(self, answer: Answer) -> None:
        current = self._current
        if current is None:
            return
        current.answer = answer
        if current.tail is None:  # else the caller waits for the whole log
            self._settle(current)

    def _runtime_exited(self, process: RuntimeProcess, process_exit: Exit) -> None:
        """The runtime ended by itself; one that was killed has been dealt with by the killer."""
        self._kill()  # processes it started, and the API, which would still take an invocation
        process.drain_output()
        current = self._current
        reason = exit_reason(process_exit)
        payload = self._platform_error(reason, ErrorType.EXIT_ERROR)
        if current is None and self.state is EnvironmentState.READY:
            self._change(EnvironmentEvent.FAIL)
        elif current is None or not current.is_sent:
            self._fail_init(ErrorType.EXIT_ERROR, payload)
        else:
            if current.answer is None:
                current.answer = Answer(payload=payload, error_type=ErrorType.EXIT_ERROR)
                line = platform_lines.runtime_exited(current.invocation.request_id, reason)
                self.emit(now_ms(), line)
            self._finish(Ending(status="error", error_type=ErrorType.EXIT_ERROR))

    # Logs

    def emit(self, timestamp_ms: int, message: str) -> None:
        """One log event of this environment's stream."""
        self._write_log(self._current, timestamp_ms, message)

    def _write_log(
        self, current: CurrentInvocation | None, timestamp_ms: int, message: str
    ) -> None:
        self.log.append(timestamp_ms, message)
        if current is not None and current.tail is not None:
            # A telemetry frame's message has no end of line of its own.
            line = message if message.endswith("\n") else f"{message}\n"
            current.tail += line.encode("utf-8", "replace")
            if len(current.tail) > 4 * LOG_TAIL_BYTES:
                del current.tail[:-LOG_TAIL_BYTES]
