"""SnapStart: versions that initialise once, when they are published, and not in each environment.

By fork after init (docs/design.md, D6). Where there is no snapshot, because the host, the runtime
or the function does not allow for one or because it has still to be made again after a restart of
the server, environments initialise as they do without SnapStart, and both kinds of hooks run.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from lambent.execution_environment.extensions import find_extensions
from lambent.execution_environment.host_budget import NOTHING, NoRoom, Room
from lambent.execution_environment.runtimes.runtime import runtime_for
from lambent.execution_environment.snap_start.snapshot import InitFailed, NotTaken, Snapshot
from lambent.sandbox.sandbox import SandboxStartFailed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from lambent.domain.function import FunctionVersion
    from lambent.execution_environment.host_budget import HostBudget
    from lambent.execution_environment.prepared_sandbox import PreparedSandbox, Sandboxes, Wanted
    from lambent.execution_environment.runtime_process import Parts
    from lambent.execution_environment.snap_start.restored_sandbox import RestoredSandbox
    from lambent.sandbox.sandbox import Volume

logger = logging.getLogger(__name__)

_LOOK_EVERY_SECONDS = 5.0
# A snapshot nobody uses is dropped after this long and made again when somebody does: AWS's go
# after 14 days, but those are on a disk.
_KEEP_SECONDS = 24 * 3600.0
_REMEMBERED = 1000


@contextlib.asynccontextmanager
async def open_snap_start(
    parts: Parts,
    is_current: Callable[[FunctionVersion], bool],
    *,
    budget: HostBudget,
    takes_snapshots: bool,
    idle_seconds: float,
) -> AsyncIterator[SnapStart]:
    """Snapshots live meanwhile; afterwards none is left."""
    problem = (
        await parts.isolation.find_snapshot_problem()
        if takes_snapshots
        else "fast starts are switched off"
    )
    snap_start = SnapStart(parts, is_current, problem, budget=budget, idle_seconds=idle_seconds)
    async with snap_start.running():
        yield snap_start


class SnapStart:
    """See `prepared_sandbox.Sandboxes`: where environments of all versions get theirs from."""

    def __init__(
        self,
        parts: Parts,
        is_current: Callable[[FunctionVersion], bool],
        problem: str,
        *,
        budget: HostBudget,
        idle_seconds: float,
    ) -> None:
        """`parts.sandboxes` is where those get theirs that are not restored.

        `problem` is why there can be no snapshots on this host, empty when there can.

        Idle for `idle_seconds`, a version has no copy ready ahead. Templates hold memory of
        `budget`, and are dropped, the least recently used first, when no environment can be closed
        to make room.
        """
        self._parts = parts
        self._others: Sandboxes = parts.sandboxes
        self._is_current = is_current
        self._idle_seconds = idle_seconds
        self._budget = budget
        budget.add_holder(self)
        self._snapshots: dict[str, Snapshot] = {}  # by configuration
        self._unfit: OrderedDict[str, str] = OrderedDict()  # configurations, and why
        self._taken: dict[Path, RestoredSandbox] = {}  # by their volume, until they are used
        self._homes: dict[Path, Snapshot] = {}  # by the volume of what is restored from it
        self._tasks = asyncio.TaskGroup()
        self._is_closing = False
        self._host_problem = problem

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Snapshots live meanwhile; afterwards none is left."""
        async with self._tasks:
            reaper = self._tasks.create_task(self._reap_forever(), name="unused snapshots")
            try:
                yield
            finally:
                self._is_closing = True
                reaper.cancel()
                for snapshot in list(self._snapshots.values()):
                    snapshot.close()

    async def prepare(self, version: FunctionVersion) -> str | None:
        """Take a version's snapshot, as far as there can be one.

        Why the function does not initialise; None when it does, or when nobody knows.
        """
        if version.configuration_id not in self._snapshots:
            problem = await self._find_problem(version)
            if problem:
                self._note_unfit(version, problem)
                return None
        if self._is_closing:  # what is begun now would never be closed
            return None
        snapshot = self._snapshots.get(version.configuration_id) or self._begin(version)
        try:
            await snapshot.wait_made()
        except InitFailed as failure:
            return str(failure)
        except NotTaken:
            pass  # its end notes why
        return None

    async def volume(self, version: FunctionVersion) -> Volume:
        """An environment's, with a copy of the snapshot on it where there is one. Raises OSError."""
        snapshot = self._snapshot_of(version) if version.starts_from_snapshot else None
        if snapshot is None or not snapshot.is_ready:
            return await self._others.volume(version)
        restored = snapshot.take_spare()
        try:
            volume = restored.volume if restored is not None else await snapshot.volume()
        except SandboxStartFailed:
            return await self._others.volume(version)
        if restored is not None:
            self._taken[volume.path] = restored
        self._homes[volume.path] = snapshot
        return replace(volume, remove=partial(self._remove, volume))

    async def take(self, wanted: Wanted) -> PreparedSandbox:
        """The copy on this volume, a new one, or what others get.

        Raises SandboxStartFailed, OSError.
        """
        restored = self._taken.pop(wanted.volume.path, None)
        if restored is not None:
            return restored
        snapshot = self._homes.get(wanted.volume.path)
        if snapshot is None:
            return await self._others.take(wanted)
        current = self._snapshot_of(wanted.version)
        for each in (snapshot, current):
            if each is not None and each.is_ready and each.is_like(wanted.volume):
                try:
                    return await each.restore(wanted.volume)
                except (OSError, SandboxStartFailed) as error:
                    logger.warning("cannot restore %s: %s", wanted.version.qualified_arn, error)
                    each.close()
        return await self._others.take(wanted)

    def versions(self) -> list[FunctionVersion]:
        """Those that have a snapshot, or are about to."""
        return [each.version for each in self._snapshots.values()]

    def in_stock(self) -> dict[str, int]:
        """How many of the others are ready, by runtime identifier."""
        return self._others.in_stock()

    def _snapshot_of(self, version: FunctionVersion) -> Snapshot | None:
        """The version's; when there should be one and is none, one is begun to be made."""
        snapshot = self._snapshots.get(version.configuration_id)
        is_to_be_made = not (self._is_closing or version.configuration_id in self._unfit)
        if snapshot is None and is_to_be_made:
            self._tasks.create_task(self.prepare(version), name=f"snapshot of {version.name}")
        return snapshot

    async def _find_problem(self, version: FunctionVersion) -> str:
        """Why there can be no snapshot of it; empty when there may."""
        runtime = runtime_for(self._parts.runtimes, version)
        if runtime.family != "python":
            return "only Python's processes can be copied"
        if self._host_problem or runtime.obstacle:
            return self._host_problem or runtime.obstacle or ""
        if "AWS_LAMBDA_EXEC_WRAPPER" in version.environment:
            return "a wrapper script starts the runtime"
        layers = await self._parts.layers_root(version)
        if await asyncio.to_thread(find_extensions, layers):
            return "it has external extensions"
        return ""

    def _begin(self, version: FunctionVersion) -> Snapshot:
        snapshot = Snapshot(version, self._parts)
        self._snapshots[version.configuration_id] = snapshot
        self._tasks.create_task(self._own(snapshot), name=f"snapshot of {version.name}")
        return snapshot

    async def _own(self, snapshot: Snapshot) -> None:
        version = snapshot.version
        try:
            await self._budget.reserve(_room(snapshot))
        except NoRoom:
            # There may be room another time: then it is tried again.
            snapshot.refuse(NotTaken("this host has no room for it"))
            del self._snapshots[version.configuration_id]
            return
        try:
            await self._note_outcome(snapshot)
        except Exception:  # the boundary of a snapshot: its failure is no environment's
            logger.exception("the snapshot of %s failed", version.qualified_arn)
        finally:
            self._budget.release(_room(snapshot))

    async def _note_outcome(self, snapshot: Snapshot) -> None:
        version = snapshot.version
        running = asyncio.create_task(snapshot.run(), name=f"template of {version.name}")
        try:
            await snapshot.wait_made()
            self._budget.release(Room(snapshot.limit_to_use(), 0))
        except InitFailed as failure:
            self._note_unfit(version, str(failure), "has no snapshot, as it does not initialise")
        except NotTaken as problem:
            if not self._is_closing and self._is_current(version):
                self._note_unfit(version, str(problem))
        try:
            with contextlib.suppress(OSError, SandboxStartFailed):
                await running
        finally:
            if self._snapshots.get(version.configuration_id) is snapshot:
                del self._snapshots[version.configuration_id]

    def _note_unfit(
        self,
        version: FunctionVersion,
        problem: str,
        said: str = "has no snapshot and is initialised in each environment",
    ) -> None:
        if version.configuration_id not in self._unfit:
            logger.warning("%s %s: %s", version.qualified_arn, said, problem)
        self._unfit[version.configuration_id] = problem
        if len(self._unfit) > _REMEMBERED:
            self._unfit.popitem(last=False)

    async def _remove(self, volume: Volume) -> None:
        del self._homes[volume.path]
        restored = self._taken.pop(volume.path, None)
        try:
            if restored is not None:
                await restored.close()
        finally:
            await volume.close()

    async def _reap_forever(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            self.reap(time.monotonic())

    def reap(self, now: float) -> None:
        """Drop what is of no use any more at `now` (monotonic seconds)."""
        for snapshot in self._snapshots.values():
            idle = now - snapshot.last_used
            if not snapshot.is_ready:
                continue
            if idle > _KEEP_SECONDS or not self._is_current(snapshot.version):
                snapshot.close()
            elif idle > self._idle_seconds:
                snapshot.drop_spare()

    # Room: a template that environments were restored from lives, and takes memory, with them.

    def coming(self) -> Room:
        """See `host_budget.Holder`."""
        closing = (each for each in self._unused() if each.is_closing)
        return sum(map(_room, closing), NOTHING)

    def closable(self) -> Room:
        """See `host_budget.Holder`."""
        return sum((_room(each) for each in self._unused() if each.is_ready), NOTHING)

    def close_oldest(self, shortage: Room) -> Room:
        """See `host_budget.Holder`."""
        ready = [each for each in self._unused() if each.is_ready]
        for snapshot in sorted(ready, key=lambda each: each.last_used):
            if shortage.memory_bytes <= 0:
                break
            shortage -= _room(snapshot)
            snapshot.close()
        return shortage

    def _unused(self) -> list[Snapshot]:
        used = {id(each) for each in self._homes.values()}
        return [each for each in self._snapshots.values() if id(each) not in used]


def _room(snapshot: Snapshot) -> Room:
    return Room(snapshot.held_bytes, 0)
