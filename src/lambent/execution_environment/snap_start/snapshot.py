"""One version's snapshot for SnapStart: a process that has initialised, and copies of it.

The copies are in sandboxes of their own (`sandbox/template.py`) and go on as the runtimes of
environments. One is always ready ahead while the version is in use. The template lives until the
last of its copies has ended: they are in its namespace of process ids.
https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from lambent.domain.quotas import INIT_CPUS, MIB
from lambent.execution_environment.initialization import Initialization, init_seconds
from lambent.execution_environment.life import Life
from lambent.execution_environment.output.environment_log import EnvironmentLog
from lambent.execution_environment.prepared_sandbox import limits_of
from lambent.execution_environment.runtimes.runtime import runtime_for
from lambent.execution_environment.snap_start.restored_sandbox import RestoredSandbox
from lambent.execution_environment.snap_start.template_sandbox import TemplateSandboxes
from lambent.sandbox.sandbox import SandboxStartFailed
from lambent.sandbox.template import read_readiness
from lambent.telemetry.clock import now_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambent.aws.credentials import Credentials
    from lambent.domain.function import FunctionVersion
    from lambent.execution_environment.apis.answer import Answer
    from lambent.execution_environment.runtime_process import Parts
    from lambent.execution_environment.snap_start.template_sandbox import TemplateSandbox
    from lambent.sandbox.sandbox import Limits, Sandbox, Volume
    from lambent.sandbox.template import Template
    from lambent.telemetry.platform_events import InitializationType
    from lambent.telemetry.platform_records import PhaseStatus

logger = logging.getLogger(__name__)

_REFILL_AFTER_SECONDS = 0.05
# What the copy that is ready ahead may take: it has written to next to nothing of its memory yet.
_SPARE_BYTES = 32 * MIB
# A template that is ready has this much over what it uses then, and an eighth: each fork takes
# page tables for all its memory, which are freed with the copy.
_HEADROOM_BYTES = 32 * MIB


class InitFailed(Exception):
    """Raised when the function did not initialise: no environment of it would."""


class NotTaken(Exception):
    """Raised when there can be no snapshot, though the function may be fine; the text says why."""


class Snapshot:
    """`run` is the owner of all of it; `close` lets it end when nobody uses it any more.

    Towards the life that is its template's it is the environment: see `life.Environment`.
    """

    def __init__(self, version: FunctionVersion, parts: Parts) -> None:
        self.version = version
        self.log = EnvironmentLog(version, parts.logs)
        self.log_stream_name = self.log.stream_name
        self.initialization_type: InitializationType = "snap-start"
        self.last_used = time.monotonic()
        # Of the host's memory, as long as anything of it is left. What is restored is not counted.
        self.held_bytes = version.memory_mib * MIB + _SPARE_BYTES
        self._isolation = parts.isolation
        self._parts = replace(parts, sandboxes=TemplateSandboxes(parts.isolation, self._connected))
        self._loop = asyncio.get_running_loop()
        self._life: Life | None = None
        self._life_began = time.monotonic()
        self._initialization: Initialization | None = None
        self._template: Template | None = None
        self._credentials: Sequence[Credentials] = ()  # that its SDKs may remember
        self._sandbox: Sandbox | None = None  # the template's
        self._made: asyncio.Future[None] = self._loop.create_future()
        self._users = 0
        self._is_closing = False
        self._is_unused = asyncio.Event()
        self._wants_spare = asyncio.Event()
        self._spare: RestoredSandbox | None = None

    # What others ask

    @property
    def is_ready(self) -> bool:
        """Environments can be restored from it."""
        return self._template is not None and not self._is_closing

    @property
    def has_spare(self) -> bool:
        return self._spare is not None

    @property
    def is_closing(self) -> bool:
        return self._is_closing

    def limit_to_use(self) -> int:
        """Hold no more than a template needs that is initialised; answers how much less that is."""
        used = self._life.memory_bytes() if self._life is not None else 0
        whole = self.version.memory_mib * MIB
        kept = used + used // 8 + _HEADROOM_BYTES
        if self._sandbox is None or not used or kept >= whole:
            return 0
        try:
            self._sandbox.limit(replace(_limits(self.version), memory_bytes=kept))
        except OSError:  # it is ending
            return 0
        self.held_bytes -= whole - kept
        return whole - kept

    async def wait_made(self) -> None:
        """Until it is made. Raises InitFailed, NotTaken."""
        await asyncio.shield(self._made)

    def take_spare(self) -> RestoredSandbox | None:
        """One that is ready, if there is; its volume is an environment's from now on."""
        self.last_used = time.monotonic()
        self._wants_spare.set()
        spare, self._spare = self._spare, None
        if spare is not None:
            try:
                spare.sandbox.limit(_limits(self.version))
            except OSError:  # it has ended
                self._dispose_later(spare)
                return None
        return spare

    def drop_spare(self) -> None:
        """Keep none ready until the next is taken."""
        spare, self._spare = self._spare, None
        if spare is not None:
            self._wants_spare.clear()
            self._dispose_later(spare)

    async def volume(self) -> Volume:
        """One for an environment that is restored from it, with the files of its init."""
        template = self._template
        if template is None:
            raise SandboxStartFailed("the snapshot is gone")
        self._users += 1
        try:
            size = self.version.ephemeral_storage_mib * MIB
            made = await self._isolation.volume(size, like=template.volume)
        except BaseException:
            self._release()
            raise

        async def remove() -> None:
            try:
                await made.remove()
            finally:
                self._release()

        return replace(made, remove=remove)

    def is_like(self, volume: Volume) -> bool:
        """Whether what is restored can use `volume`: it runs as the template's own user."""
        return self._template is not None and volume.user_id == self._template.volume.user_id

    async def restore(self, volume: Volume) -> RestoredSandbox:
        """A copy on a volume of `volume()`. Raises SandboxStartFailed, OSError."""
        return await self._restore(volume, _limits(self.version))

    async def _restore(self, volume: Volume, limits: Limits) -> RestoredSandbox:
        template = self._template
        if template is None:
            raise SandboxStartFailed("the snapshot is gone")
        self._users += 1
        try:
            sandbox, slot = await self._isolation.restore(template, volume, limits)
        except BaseException:
            self._release()
            raise
        return RestoredSandbox(sandbox, slot, volume, self._release, self._credentials)

    def refuse(self, why: NotTaken) -> None:
        """There is no room for it: it is not begun."""
        self._fail(why)

    def close(self) -> None:
        """Nothing is restored from it any more; it ends when what was restored has."""
        self._is_closing = True
        self._fail(NotTaken("the snapshot was dropped before it was made"))
        self.drop_spare()
        self._wants_spare.set()
        self._note_use()

    def _release(self) -> None:
        self._users -= 1
        self._note_use()

    def _note_use(self) -> None:
        if self._is_closing and self._users == 0:
            self._is_unused.set()

    # The owner

    async def run(self) -> None:
        """Initialise, then be there to be copied, until `close`."""
        try:
            volume = await self._parts.sandboxes.volume(self.version)
            try:
                await self._run_on(volume)
            finally:
                await volume.close()
        except* (OSError, SandboxStartFailed) as errors:
            logger.warning("the snapshot of %s is lost: %s", self.version.qualified_arn, errors)
            self._fail(NotTaken(str(errors.exceptions[0])))
        finally:
            self._fail(NotTaken("the server stopped"))

    async def _run_on(self, volume: Volume) -> None:
        self._life = life = Life(self, self._parts)
        async with asyncio.TaskGroup() as tasks:
            living = tasks.create_task(life.run(volume), name=f"template of {self.version.name}")
            waiting = tasks.create_task(self._attend(tasks), name="spare copies")
            try:
                await asyncio.wait((living, waiting), return_when=asyncio.FIRST_COMPLETED)
                self.close()
                await self._is_unused.wait()
            finally:
                waiting.cancel()
                life.end("spindown")

    async def _attend(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks
        while not self._is_closing:
            await self._wants_spare.wait()
            self._wants_spare.clear()
            if self._made.done() and not self._is_closing:
                await asyncio.sleep(_REFILL_AFTER_SECONDS)  # not while an invocation is starting
            await self._refill()
            # Only now: some hosts let nobody make the namespaces that a copy needs.
            if self._spare is not None and not self._made.done():
                self._made.set_result(None)

    async def _refill(self) -> None:
        if self._spare is not None or not self.is_ready:
            return
        try:
            volume = await self.volume()
            try:
                limits = _limits(self.version)
                memory_bytes = min(limits.memory_bytes, _SPARE_BYTES)
                spare = await self._restore(volume, replace(limits, memory_bytes=memory_bytes))
            except BaseException:
                await volume.close()
                raise
        except (OSError, SandboxStartFailed) as error:
            self._fail(NotTaken(f"it can not be copied: {error}"))
        else:
            if self._is_closing:
                await _dispose(spare)
            else:
                self._spare = spare

    def _dispose_later(self, spare: RestoredSandbox) -> None:
        self._tasks.create_task(_dispose(spare), name="dispose of spare copy")

    # What its life tells

    def _connected(self, sandbox: TemplateSandbox, message: bytes) -> None:
        """The template says that it is ready to be copied."""
        readiness = read_readiness(message)
        if readiness is None or self._made.done():
            self._fail(NotTaken("the runtime did not say how it is"))
        elif readiness.problem:
            self._end_init("success")
            self._fail(NotTaken(readiness.problem))
        else:
            self._end_init("success")
            self._part_from_door(readiness.sockets)
            self._sandbox = sandbox.sandbox
            self._template = sandbox.template(readiness)
            self._wants_spare.set()

    def _part_from_door(self, sockets: int) -> None:
        life = self._life
        assert life is not None
        self._credentials = life.credentials
        others = sockets - life.hang_up()
        if others > 0:
            self._warn_of_sockets(others)

    def _warn_of_sockets(self, count: int) -> None:
        message = (
            f"SnapStart: {count} sockets were open when the snapshot was taken. All environments "
            "that are restored from it share them: close them in a hook before the snapshot, and "
            "open them after the restore.\n"
        )
        self.log.function(now_ms(), message, "WARN")

    def life_begins(self, *, is_restored: bool) -> None:
        runtime = runtime_for(self._parts.runtimes, self.version)
        self._initialization = Initialization(
            self.log, self.version, runtime, self.initialization_type, "init", self._life_began
        )
        self._timer = self._loop.call_later(
            init_seconds(self.version, self.initialization_type), self._time_out
        )

    def runtime_is_initialized(self) -> None:
        if self._initialization is not None:
            self._initialization.runtime_done()

    def life_is_initialized(self) -> None:
        self._end_init("success")
        self._fail(NotTaken("the runtime did not wait for a snapshot to be taken"))

    def runtime_is_ready_to_restore(self) -> None:
        self.life_is_initialized()

    def runtime_failed_to_initialize(self, error: Answer) -> None:
        self._end_init("error", error.error_type)
        self._fail(InitFailed(error.error_type))

    def life_failed(self, message: str, error_type: str) -> None:
        self._end_init("error", error_type)
        self._fail(InitFailed(f"{error_type}: {message}"))

    def runtime_failed_to_restore(self, error: Answer) -> None:
        """Nothing is restored in the template itself."""

    def runtime_answered(self, answer: Answer) -> None:
        """It has no invocations."""

    def runtime_is_done(self) -> None:
        """It has no invocations."""

    def life_is_done(self) -> None:
        """It has no invocations."""

    def _time_out(self) -> None:
        self._end_init("timeout")
        self._fail(InitFailed("timeout"))

    def _end_init(self, status: PhaseStatus, error_type: str | None = None) -> None:
        initialization, self._initialization = self._initialization, None
        if initialization is None or self._life is None:
            return
        self._timer.cancel()
        self._life.drain_output()
        initialization.end(self._life.extensions, status, error_type)
        self._life.end_subscribing()

    def _fail(self, why: InitFailed | NotTaken) -> None:
        """It is not made, or made and lost."""
        self._template = None
        if not self._made.done():
            self._made.set_exception(why)
            self._made.exception()  # whether anybody asks or not
        if not self._is_closing:
            self.close()


def _limits(version: FunctionVersion) -> Limits:
    limits = limits_of(version)
    return replace(limits, cpus=max(limits.cpus, INIT_CPUS))


async def _dispose(spare: RestoredSandbox) -> None:
    with contextlib.suppress(OSError):
        await spare.close()
    await spare.volume.close()
