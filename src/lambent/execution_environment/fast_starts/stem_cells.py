"""Fast starts: environments that begin in a stem cell instead of in a sandbox built for them.

What runs in the end is the same (docs/design.md, D6). A function whose settings reach into the
start of its runtime's process has no stem cells, and nobody's second life has: those start as
`SandboxesOnDemand` does it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lambent.execution_environment.extensions import find_extensions
from lambent.execution_environment.fast_starts.stem_stock import (
    EPHEMERAL_STORAGE_MIB,
    Kind,
    StemStock,
)
from lambent.execution_environment.prepared_sandbox import SandboxesOnDemand
from lambent.execution_environment.runtimes.runtime import runtime_for
from lambent.sandbox import late_mounts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from lambent.domain.function import FunctionVersion
    from lambent.execution_environment.fast_starts.stem_cell import StemCell
    from lambent.execution_environment.prepared_sandbox import (
        PreparedSandbox,
        Sandboxes,
        Wanted,
    )
    from lambent.execution_environment.runtimes.runtime import Runtime
    from lambent.sandbox.isolation import Isolation
    from lambent.sandbox.sandbox import Volume

logger = logging.getLogger(__name__)

_STOCKS = 8  # of one runtime, or of one runtime and memory size of Node.js
_LOOK_EVERY_SECONDS = 10.0
_PROCESS_FAMILIES = ("python", "nodejs")
# What interpreters, and the C library, read when they start and never again.
_READ_AT_START = re.compile(
    r"AWS_LAMBDA_EXEC_WRAPPER|(?:PYTHON|NODE_|UV_|LD_|LC_|LANG|MALLOC_|GLIBC_|OPENSSL_|ICU_).*"
)


@contextlib.asynccontextmanager
async def open_sandboxes(
    isolation: Isolation,
    runtimes: Mapping[str, Runtime],
    *,
    has_stem_cells: bool,
    idle_seconds: float,
) -> AsyncIterator[Sandboxes]:
    """Where environments get their sandboxes from; stem cells need a root of their own."""
    on_demand = SandboxesOnDemand(isolation)
    if not has_stem_cells or not isolation.has_own_root:
        yield on_demand
        return
    if problem := await asyncio.to_thread(late_mounts.find_problem):
        logger.warning("cold starts are not fast: %s", problem)
        yield on_demand
        return
    stem_cells = StemCells(isolation, runtimes, on_demand, idle_seconds=idle_seconds)
    async with stem_cells.running():
        yield stem_cells


class StemCells:
    """See `prepared_sandbox.Sandboxes`."""

    def __init__(
        self,
        isolation: Isolation,
        runtimes: Mapping[str, Runtime],
        on_demand: SandboxesOnDemand,
        *,
        idle_seconds: float,
    ) -> None:
        """A runtime nobody has started for `idle_seconds` has no stem cells any more."""
        self._isolation = isolation
        self._runtimes = runtimes
        self._on_demand = on_demand
        self._idle_seconds = idle_seconds
        self._stocks: dict[Kind, tuple[StemStock, asyncio.Task[None]]] = {}
        self._tasks = asyncio.TaskGroup()
        self._taken: dict[Path, StemCell] = {}  # by their volume, until they are assigned

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keeps stocks meanwhile; afterwards none of their cells is left."""
        async with self._tasks:
            reaper = self._tasks.create_task(self._reap_forever(), name="idle stem cells")
            try:
                yield
            finally:
                reaper.cancel()
                for _, task in self._stocks.values():
                    task.cancel()

    async def volume(self, version: FunctionVersion) -> Volume:
        """An environment's, with a stem cell on it where there is one. Raises OSError."""
        kind = kind_of(version, self._runtimes)
        cell = await self._stock(kind).take() if kind is not None else None
        if cell is None:
            return await self._on_demand.volume(version)
        self._taken[cell.volume.path] = cell
        return replace(cell.volume, remove=partial(self._remove, cell))

    async def take(self, wanted: Wanted) -> PreparedSandbox:
        """The cell on this volume, or a sandbox. Raises SandboxStartFailed, OSError."""
        cell = self._taken.pop(wanted.volume.path, None)
        if cell is None:
            return await self._on_demand.take(wanted)
        try:
            # Company would end with a command that runs already, and the function's extensions
            # must outlive it.
            is_fit = cell.may_have_company or not await asyncio.to_thread(
                find_extensions, wanted.layers_root
            )
            if is_fit:
                await cell.assign(wanted)
                return cell
        except BaseException:
            await cell.close()
            raise
        await cell.close()
        return await self._on_demand.take(wanted)

    def in_stock(self) -> dict[str, int]:
        """How many are ready, by runtime identifier."""
        ready: dict[str, int] = {}
        for stock, _ in self._stocks.values():
            ready[stock.identifier] = ready.get(stock.identifier, 0) + stock.ready
        return ready

    async def _remove(self, cell: StemCell) -> None:
        if self._taken.pop(cell.volume.path, None) is not None:
            await cell.close()
        await cell.volume.close()

    def _stock(self, kind: Kind) -> StemStock:
        if kind in self._stocks:
            return self._stocks[kind][0]
        if len(self._stocks) >= _STOCKS:
            self._close_stock(min(self._stocks, key=lambda each: self._stocks[each][0].last_used))
        stock = StemStock(self._isolation, kind)
        task = self._tasks.create_task(stock.run(), name=f"stem cells of {kind.runtime.identifier}")
        self._stocks[kind] = stock, task
        return stock

    async def _reap_forever(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            self.reap(time.monotonic())

    def reap(self, now: float) -> None:
        """Close the stocks that nobody has taken from for long at `now` (monotonic seconds)."""
        for kind, (stock, _) in list(self._stocks.items()):
            if now - stock.last_used > self._idle_seconds:
                self._close_stock(kind)

    def _close_stock(self, kind: Kind) -> None:
        _, task = self._stocks.pop(kind)
        task.cancel()


def kind_of(version: FunctionVersion, runtimes: Mapping[str, Runtime]) -> Kind | None:
    """The kind of stem cell a function version can begin in, if any."""
    runtime = runtime_for(runtimes, version)
    if runtime.obstacle is not None or version.ephemeral_storage_mib != EPHEMERAL_STORAGE_MIB:
        return None
    is_settled = not any(_READ_AT_START.fullmatch(name) for name in version.environment)
    if runtime.family not in _PROCESS_FAMILIES or not is_settled:
        return Kind(runtime=runtime, argv=())
    argv = runtime.command(
        task_root=Path(),
        layers_root=None,
        memory_mib=version.memory_mib,
        variables=version.environment,
    )
    return Kind(runtime=runtime, argv=argv)
