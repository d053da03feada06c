"""Keeps provisioned concurrency: so many environments ready as were asked for, and no more.

The store says what is wanted, the pool what is there. One task compares the two, whenever either
changes and once a second, since a runtime may die without anybody being told.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.domain.errors import ServiceError
from lambent.domain.provisioned_concurrency import Allocation
from lambent.execution_environment import refusals
from lambent.execution_environment.pool.pool import NotProvisioned

if TYPE_CHECKING:
    from lambent.domain.function import FunctionVersion
    from lambent.domain.provisioned_concurrency import ProvisionedConcurrency
    from lambent.execution_environment.pool.pool import Pool
    from lambent.store.functions import FunctionStore
    from lambent.store.provisioned_concurrency import ProvisionedConcurrencyStore

logger = logging.getLogger(__name__)

_LOOK_EVERY_SECONDS = 1.0
# Of one version at one time: enough to keep the pool's turns busy, and few enough that an init
# which fails, fails for a few only.
_STARTS_AT_ONCE = 10
_LONGEST_PAUSE_SECONDS = 60.0


@dataclass(slots=True, eq=False)
class _Kept:
    """One version whose environments are kept ready."""

    config: ProvisionedConcurrency
    version: FunctionVersion | None = None  # as its environments were made
    starting: int = 0
    failures: int = 0  # since the last success
    reason: str | None = None  # of the last failure
    may_start_at: float = 0.0  # monotonic seconds

    def succeed(self) -> None:
        self.failures = 0
        self.reason = None

    def fail(self, reason: str) -> None:
        self.failures += 1
        self.reason = reason
        pause = min(2.0 ** min(self.failures, 10), _LONGEST_PAUSE_SECONDS)
        self.may_start_at = time.monotonic() + pause

    def allocation(self, available: int) -> Allocation:
        if available >= self.config.requested:
            return Allocation(available=available, status="READY")
        if self.reason is not None:
            return Allocation(available=available, status="FAILED", reason=self.reason)
        return Allocation(available=available)


class ProvisionedConcurrencyKeeper:
    """Run `run` for as long as the pool is open."""

    def __init__(
        self, pool: Pool, store: ProvisionedConcurrencyStore, functions: FunctionStore
    ) -> None:
        self._pool = pool
        self._store = store
        self._functions = functions
        self._kept: dict[str, _Kept] = {}  # by the version's ARN
        self._is_changed = True  # the store, since it was read
        self._wake = asyncio.Event()

    async def run(self) -> None:
        self._store.on_change(self._read_again)
        self._pool.on_provisioned_lost(self._wake.set)
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                try:
                    await self._look(tasks)
                except Exception:  # a boundary: the next look may find the database well again
                    self._is_changed = True
                    logger.exception("provisioned concurrency could not be looked after")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_EVERY_SECONDS):
                        await self._wake.wait()

    def _read_again(self) -> None:
        self._is_changed = True
        self._wake.set()

    async def _look(self, tasks: asyncio.TaskGroup) -> None:
        if self._is_changed or any(self._is_out_of_date(kept) for kept in self._kept.values()):
            self._is_changed = False
            self._adopt(await self._store.everything())
        for kept in self._kept.values():
            self._keep(kept, tasks)
        self._store.allocate(
            {kept.config: kept.allocation(self._available(kept)) for kept in self._kept.values()}
        )

    def _current(self, config: ProvisionedConcurrency) -> FunctionVersion | None:
        return self._functions.version(
            config.account_id, config.region, config.name, config.version
        )

    def _is_out_of_date(self, kept: _Kept) -> bool:
        """The version was deleted, and what it asked for with it; or it was configured anew."""
        current = self._current(kept.config)
        return current is None or (
            kept.version is not None and current.configuration_id != kept.version.configuration_id
        )

    def _adopt(self, configs: list[ProvisionedConcurrency]) -> None:
        wanted = {config.qualified_arn: config for config in configs}
        for arn in self._kept.keys() - wanted.keys():
            self._release(self._kept.pop(arn))
        for arn, config in wanted.items():
            kept = self._kept.setdefault(arn, _Kept(config))
            if kept.config != config:
                # Whoever asks anew wants it tried anew.
                kept.config, kept.reason, kept.failures, kept.may_start_at = config, None, 0, 0.0

    def _release(self, kept: _Kept) -> None:
        if kept.version is not None:
            self._pool.keep_provisioned(kept.version, 0)
            kept.version = None

    def _keep(self, kept: _Kept, tasks: asyncio.TaskGroup) -> None:
        version = self._current(kept.config)
        if version is None or version.state != "Active":
            return
        if kept.version is None or kept.version.configuration_id != version.configuration_id:
            self._release(kept)
            kept.version = version
        self._pool.keep_provisioned(version, kept.config.requested)
        if time.monotonic() < kept.may_start_at:
            return
        missing = kept.config.requested - self._available(kept) - kept.starting
        for _ in range(min(missing, _STARTS_AT_ONCE - kept.starting)):
            kept.starting += 1
            tasks.create_task(self._start(kept, version), name=f"provisioning of {version.name}")

    def _available(self, kept: _Kept) -> int:
        return self._pool.provisioned(kept.version) if kept.version is not None else 0

    def _drop_unwanted(self, arn: str, version: FunctionVersion) -> None:
        """What was asked for may have changed while it started."""
        kept = self._kept.get(arn)
        wanted = 0
        if (
            kept is not None
            and kept.version is not None
            and kept.version.configuration_id == version.configuration_id
        ):
            wanted = kept.config.requested
        self._pool.keep_provisioned(version, wanted)

    async def _start(self, kept: _Kept, version: FunctionVersion) -> None:
        try:
            await self._pool.provision(version)
            kept.succeed()
            self._drop_unwanted(kept.config.qualified_arn, version)
        except NotProvisioned as error:
            kept.fail(str(error))
        except ServiceError as error:  # it will never fit this host
            kept.fail(error.message)
        except Exception:  # a boundary: the failure of one start is no other's
            logger.exception("provisioning of %s failed", version.qualified_arn)
            kept.fail(refusals.unavailable().message)
        finally:
            kept.starting -= 1
            self._wake.set()
