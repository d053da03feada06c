"""One execution environment: a place that runs one function version, one invocation at a time.

`run` is the one owner of everything the environment holds; `invoke` is called by whoever has an
invocation. Between them stand the states of `lifecycle.py` and what the life at work tells: it is
initialised, the runtime answered, all are done, something is gone. Phases and their limits:
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from lambent.domain.invocation import ErrorType
from lambent.domain.quotas import RESTORE_SECONDS
from lambent.execution_environment import refusals
from lambent.execution_environment.current_invocation import (
    SUCCESS,
    CurrentInvocation,
    Ending,
    platform_answer,
)
from lambent.execution_environment.deadline import Deadline
from lambent.execution_environment.initialization import init_seconds
from lambent.execution_environment.life import Life
from lambent.execution_environment.life_starts import LifeStarts
from lambent.execution_environment.lifecycle import (
    EnvironmentEvent,
    EnvironmentState,
    next_environment_state,
)
from lambent.execution_environment.output.environment_log import EnvironmentLog
from lambent.execution_environment.snap_start.restoration import RestoreFailed
from lambent.telemetry import platform_lines
from lambent.telemetry.clock import now_ms
from lambent.telemetry.platform_events import Fault, Report, TimedOut

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.domain.errors import ServiceError
    from lambent.domain.function import FunctionVersion
    from lambent.domain.invocation import Invocation, InvocationResult
    from lambent.execution_environment.apis.answer import Answer
    from lambent.execution_environment.apis.extensions_api import ShutdownReason
    from lambent.execution_environment.runtime_process import Parts
    from lambent.sandbox.sandbox import Volume
    from lambent.telemetry.platform_events import InitializationType

logger = logging.getLogger(__name__)


class EnvironmentUnavailable(Exception):
    """Raised when an environment was closed, or could not be made, before it answered."""


class Environment:
    """An execution environment, from its first init to its shutdown."""

    def __init__(
        self,
        version: FunctionVersion,
        parts: Parts,
        on_available: Callable[[Environment], None],
        *,
        initialization_type: InitializationType = "on-demand",
        tenant_id: str | None = None,
    ) -> None:
        self.version = version
        self.tenant_id = tenant_id  # the only one it ever serves; None without tenant isolation
        self.initialization_type: InitializationType = initialization_type
        self.state = EnvironmentState.INITIALIZING
        self.created_ms = now_ms()
        self.last_used = time.monotonic()
        self.invocations = 0
        self.log = EnvironmentLog(version, parts.logs)
        self.log_stream_name = self.log.stream_name
        self.id = self.log.environment_id
        self._parts = parts
        self._tell_available = on_available
        self._started = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._life: Life | None = None
        self._is_wanted = asyncio.Event()  # a life is needed, or the end has come
        self._current: CurrentInvocation | None = None
        self._failed: CurrentInvocation | None = None  # its caller waits for the end of the reset
        self._owes_availability = False  # after a reset; an idle one is available all the time
        self._starts = LifeStarts(self.log, version, parts.runtimes, initialization_type)
        self._restore_failure: ServiceError | None = None
        longest = init_seconds(version, initialization_type)
        self._init_timer = self._loop.call_later(longest, self._time_out_init)
        self._time_limit = Deadline(self._time_out)  # of the invocation at work
        self._freezing = Deadline(self._freeze)

    @property
    def is_at_work(self) -> bool:
        """On an invocation, which its caller may have the answer to, or may wait for no more."""
        return self._current is not None

    @property
    def is_between_answer_and_next(self) -> bool:
        """The caller has its answer, and the runtime has not yet asked for more."""
        return self._current is not None and self._current.answer is not None

    @property
    def is_frozen(self) -> bool:
        return self.state is EnvironmentState.FROZEN

    def memory_bytes(self) -> int:
        """What it uses now; 0 when unknown, or when nothing of it runs."""
        return self._life.memory_bytes() if self._life is not None else 0

    async def wait_started(self) -> None:
        """Wait until its first init is over, well or not."""
        await self._started.wait()

    def _on_available(self) -> None:
        self._started.set()
        self._tell_available(self)

    # The owner

    async def run(self) -> None:
        """Live: initialise, serve, be reset and initialised again, until `close`.

        Raises RestoreFailed; and what the sandbox raises when the host can not start something.
        """
        try:
            volume = await self._parts.sandboxes.volume(self.version)
            try:
                self._is_wanted.set()
                while await self._wait_wanted():
                    await self._live_once(volume)
            finally:
                await volume.close()
        finally:
            self.close()
            self._started.set()
        if self._restore_failure is not None:
            raise RestoreFailed(self._restore_failure)

    async def _wait_wanted(self) -> bool:
        await self._is_wanted.wait()
        self._is_wanted.clear()
        while self.state is EnvironmentState.RESET:
            # The invocation that wanted a life ran out of time before its turn came.
            await self._is_wanted.wait()
            self._is_wanted.clear()
        return self.state is not EnvironmentState.SHUTDOWN

    async def _live_once(self, volume: Volume) -> None:
        self._life = life = Life(self, self._parts)
        self._starts.open()
        try:
            await life.run(volume)
        finally:
            if self._life is life:
                self._life = None
        self._end_reset()

    def close(self) -> None:
        """End this environment; `run` returns once nothing of it is left.

        Its extensions are told, which takes up to two seconds.
        """
        self._change(EnvironmentEvent.CLOSE)
        self._init_timer.cancel()
        self._time_limit.cancel()
        self._freezing.cancel()
        self._abandon_current()
        self._settle_failed()
        self._is_wanted.set()
        self._end_life("spindown")

    def _end_life(self, reason: ShutdownReason) -> bool:
        """Whether something of it goes on for a while."""
        life, self._life = self._life, None
        return life is not None and life.end(reason)

    def _change(self, event: EnvironmentEvent) -> None:
        self.state = next_environment_state(self.state, event)

    def _abandon_current(self) -> None:
        current = self._current
        if current is not None and current.answer is not None:
            self._report(current, SUCCESS)  # only the runtime's next request was still to come
            current.settle()
        elif current is not None and not current.result.done():
            current.result.set_exception(EnvironmentUnavailable(self.id))
        self._current = None

    # Reset

    def _reset(self, reason: ShutdownReason) -> None:
        """End this life because it failed; the next invocation has a new one."""
        logger.debug("environment %s is reset: %s", self.id, reason)
        self._change(EnvironmentEvent.FAIL)
        if not self._end_life(reason):
            self._end_reset()

    def _end_reset(self) -> None:
        if self.state is EnvironmentState.RESETTING:
            self._change(EnvironmentEvent.RESET)
        self._settle_failed()
        if self._owes_availability and self.state is EnvironmentState.RESET:
            self._owes_availability = False
            self._on_available()

    def _settle_failed(self) -> None:
        failed, self._failed = self._failed, None
        if failed is not None:
            failed.settle()

    # Initialisation

    def life_begins(self, *, is_restored: bool) -> None:
        is_own_phase = self.state is EnvironmentState.INITIALIZING
        self._starts.begin(is_restored=is_restored, is_own_phase=is_own_phase)
        if is_restored and is_own_phase:
            self._init_timer.cancel()
            self._init_timer = self._loop.call_later(RESTORE_SECONDS, self._time_out_restore)

    def _time_out_init(self) -> None:
        self._end_init(Ending(status="timeout"))
        self._owes_availability = True
        self._reset("timeout")

    def _time_out_restore(self) -> None:
        self._end_init(Ending(status="timeout"))
        self._restore_failure = refusals.restore_timed_out()
        self.close()

    def runtime_failed_to_initialize(self, error: Answer) -> None:
        """Something failed before all were ready, in the init phase or within an invocation."""
        ending = Ending(status="error", error_type=error.error_type)
        is_restore = self._starts.is_restore
        self._end_init(ending)
        if self._current is not None:
            self._current.take(error)
            self._finish(ending)
        elif is_restore:
            # There is no second try: on AWS the invocation that wanted it is answered so.
            self._restore_failure = refusals.restore_failed(error.error_type or ErrorType.UNKNOWN)
            self.close()
        else:
            self._owes_availability = True
            self._reset("failure")

    def _end_init(self, ending: Ending) -> None:
        self._init_timer.cancel()
        self._starts.end(self._life, ending, is_own_phase=self._current is None)

    # Invocation

    async def invoke(
        self, invocation: Invocation, *, wants_log_tail: bool = False
    ) -> InvocationResult:
        """Run one invocation; the environment must be available.

        A failure of the function is a result. Raises EnvironmentUnavailable when the platform
        failed instead.
        """
        life = self._life
        if self.state is EnvironmentState.SHUTDOWN:
            raise EnvironmentUnavailable(self.id)
        if self.state is EnvironmentState.FROZEN and life is not None:
            life.thaw()
        self._change(EnvironmentEvent.INVOKE)
        self._freezing.lift()
        self.invocations += 1
        self._current = current = CurrentInvocation(
            invocation=invocation,
            log=self.log,
            started=time.monotonic(),
            deadline_ms=now_ms() + self.version.timeout_seconds * 1000,
            result=self._loop.create_future(),
            wants_log_tail=wants_log_tail,
        )
        self._time_limit.set(self.version.timeout_seconds)
        if wants_log_tail:
            self.log.begin_tail()
        if life is not None and life.is_ready:
            self._send(current, life)
        else:
            self._is_wanted.set()  # it was reset: `life_is_initialized` sends the invocation
        # A caller that goes away takes only this future along: the function goes on, as on AWS.
        return await current.result

    def _send(self, current: CurrentInvocation, life: Life) -> None:
        current.begin(self.version)
        life.send(current.invocation, current.deadline_ms)

    def _finish(self, ending: Ending) -> None:
        """All are done with the invocation, or something failed: report, and be available again."""
        current = self._current
        assert current is not None
        self._time_limit.lift()
        self.last_used = time.monotonic()
        self._report(current, ending)
        self._current = None
        if ending.status == "success":
            current.settle()
            self._change(EnvironmentEvent.DONE)
            self._freezing.set(self._parts.freeze_after_seconds)
            self._on_available()
        else:
            self._failed = current
            self._owes_availability = True
            self._reset("timeout" if ending.status == "timeout" else "failure")

    def _report(self, current: CurrentInvocation, ending: Ending) -> None:
        if self._life is not None:
            self._life.drain_output()  # into this invocation's log tail
        current.runtime_done(ending)
        if current.sent is None:
            current.begin(self.version)
        if ending.status == "timeout":
            name, seconds = current.request_id, self.version.timeout_seconds
            self.log.platform(TimedOut(request_id=name, timeout_seconds=seconds, at_ms=now_ms()))
        init, restore = self._starts.take_durations()
        if self.log.hears(Report.type):
            used = self._life.memory_peak_mib() if self._life is not None else 0
            current.report(self.version, ending, used, init_duration=init, restore_duration=restore)

    def _time_out(self) -> None:
        current = self._current
        assert current is not None
        if current.sent is None:
            self._end_init(Ending(status="timeout"))
        if current.answer is None:
            message = platform_lines.task_timed_out_message(self.version.timeout_seconds)
            current.take(platform_answer(current, message, ErrorType.TIMED_OUT))
        self._finish(Ending(status="timeout"))

    def _freeze(self) -> None:
        life = self._life
        if life is not None and self.state is EnvironmentState.READY and life.freeze():
            self._change(EnvironmentEvent.FREEZE)

    # What the life at work tells

    def runtime_is_initialized(self) -> None:
        self._starts.runtime_done()

    def life_is_initialized(self) -> None:
        self._end_init(SUCCESS)
        if self.state is EnvironmentState.INITIALIZING:
            self._change(EnvironmentEvent.INITIALIZED)
            self.last_used = time.monotonic()
            self._freezing.set(self._parts.freeze_after_seconds)
            self._on_available()
        elif self._current is not None and self._life is not None:
            self._send(self._current, self._life)

    def runtime_is_ready_to_restore(self) -> None:
        """Nobody keeps a snapshot of this one: it is restored where it stands."""
        if self._life is not None:
            self._life.restore()

    def runtime_failed_to_restore(self, error: Answer) -> None:
        self.runtime_failed_to_initialize(error)

    def runtime_answered(self, answer: Answer) -> None:
        current = self._current
        if current is None:
            return
        current.take(answer)
        if not current.wants_log_tail:  # else the caller waits for the whole log
            current.settle()

    def runtime_is_done(self) -> None:
        if self._current is not None:
            self._current.runtime_done(SUCCESS)

    def life_is_done(self) -> None:
        if self._current is not None and self._current.answer is not None:
            self._finish(SUCCESS)

    def life_failed(self, message: str, error_type: str) -> None:
        """The runtime or an extension ended by itself, or could not be started."""
        current = self._current
        answer = platform_answer(current, message, error_type)
        if current is None and self.state is not EnvironmentState.INITIALIZING:
            self._reset("failure")
        elif current is None or current.sent is None:
            self.runtime_failed_to_initialize(answer)
        else:
            if current.answer is None:
                current.take(answer)
                if self._life is not None:
                    self._life.drain_output()
                fault = Fault(request_id=current.request_id, message=message, error_type=error_type)
                self.log.platform(fault)
            self._finish(Ending(status="error", error_type=error_type))
