"""Keeps provisioned concurrency: so many environments ready as were asked for, and no more.

The store says what is wanted, the pool what is there. One task compares the two, whenever either
changes and once a second, since a runtime may die, and an alias move, without anybody being told.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.domain.arn import LATEST
from lambent.domain.errors import ServiceError
from lambent.domain.provisioned_concurrency import Allocation, wanted_environments
from lambent.execution_environment import refusals
from lambent.execution_environment.pool.pool import NotProvisioned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.domain.function import FunctionVersion
    from lambent.domain.provisioned_concurrency import (
        Environments,
        ProvisionedConcurrency,
        ProvisionedConcurrencyStatus,
    )
    from lambent.execution_environment.pool.pool import Pool
    from lambent.store.aliases import AliasStore
    from lambent.store.functions import FunctionStore
    from lambent.store.provisioned_concurrency import ProvisionedConcurrencyStore

    VersionKey = tuple[str, str, str, str]  # account, region, function and version

logger = logging.getLogger(__name__)

_LOOK_EVERY_SECONDS = 1.0
# Of one version at one time: enough to keep the pool's turns busy, and few enough that an init
# which fails, fails for a few only.
_STARTS_AT_ONCE = 10
_LONGEST_PAUSE_SECONDS = 60.0
# Where an alias was moved to after it was given provisioned concurrency.
_NEVER = (
    "The alias points to a version that cannot have provisioned concurrency: $LATEST, or one with "
    "SnapStart."
)


def _key(config: ProvisionedConcurrency, version: str) -> VersionKey:
    return (config.account_id, config.region, config.name, version)


def _can_be_provisioned(version: FunctionVersion) -> bool:
    return version.version != LATEST and not version.starts_from_snapshot


@dataclass(slots=True, eq=False)
class _Kept:
    """One version whose environments are kept ready."""

    wanted: int = 0
    asked: frozenset[ProvisionedConcurrency] = frozenset()  # who wants them
    version: FunctionVersion | None = None  # as its environments were made
    starting: int = 0
    failures: int = 0  # since the last success
    reason: str | None = None  # of the last failure
    may_start_at: float = 0.0  # monotonic seconds

    def ask(self, wanted: int, asked: frozenset[ProvisionedConcurrency]) -> None:
        self.wanted = wanted
        if asked != self.asked:
            # Whoever asks anew wants it tried anew.
            self.asked, self.reason, self.failures, self.may_start_at = asked, None, 0, 0.0

    def succeed(self) -> None:
        self.failures = 0
        self.reason = None

    def fail(self, reason: str) -> None:
        self.failures += 1
        self.reason = reason
        pause = min(2.0 ** min(self.failures, 10), _LONGEST_PAUSE_SECONDS)
        self.may_start_at = time.monotonic() + pause


class ProvisionedConcurrencyKeeper:
    """Run `run` for as long as the pool is open."""

    def __init__(
        self,
        pool: Pool,
        store: ProvisionedConcurrencyStore,
        functions: FunctionStore,
        aliases: AliasStore,
    ) -> None:
        self._pool = pool
        self._store = store
        self._functions = functions
        self._aliases = aliases
        self._kept: dict[VersionKey, _Kept] = {}
        self._wake = asyncio.Event()

    async def run(self) -> None:
        self._store.records.on_change(lambda *function: self._wake.set())
        self._pool.on_provisioned_lost(self._wake.set)
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                try:
                    self._look(tasks)
                except Exception:  # a boundary: what fails now may be well at the next look
                    logger.exception("provisioned concurrency could not be looked after")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_EVERY_SECONDS):
                        await self._wake.wait()

    def _look(self, tasks: asyncio.TaskGroup) -> None:
        plan = {config: self._wanted(config) for config in self._store.records.everything()}
        self._adopt(plan)
        for key, kept in self._kept.items():
            self._keep(key, kept, tasks)
        self._store.allocate(self._allocations(plan))

    def _wanted(self, config: ProvisionedConcurrency) -> Environments:
        """What its version, or the version its alias points to by now, is to have ready."""
        function = (config.account_id, config.region, config.name)
        return wanted_environments(config, self._aliases.get(*function, config.qualifier))

    def _adopt(self, plan: Mapping[ProvisionedConcurrency, Environments]) -> None:
        """Several configurations may want the same version: its environments are for all of them."""
        wanted: Counter[VersionKey] = Counter()
        asked: defaultdict[VersionKey, set[ProvisionedConcurrency]] = defaultdict(set)
        for config, environments in plan.items():
            for version, count in environments.items():
                wanted[_key(config, version)] += count
                asked[_key(config, version)].add(config)
        for key in self._kept.keys() - wanted.keys():
            self._release(self._kept.pop(key))
        for key, count in wanted.items():
            self._kept.setdefault(key, _Kept()).ask(count, frozenset(asked[key]))

    def _release(self, kept: _Kept) -> None:
        if kept.version is not None:
            self._pool.keep_provisioned(kept.version, 0)
            kept.version = None

    def _keep(self, key: VersionKey, kept: _Kept, tasks: asyncio.TaskGroup) -> None:
        version = self._functions.version(*key)
        if version is None or not _can_be_provisioned(version):
            self._release(kept)
            kept.reason = None if version is None else _NEVER
            return
        if version.state != "Active":
            return
        if kept.version is None or kept.version.configuration_id != version.configuration_id:
            self._release(kept)
            kept.version = version
        self._pool.keep_provisioned(version, kept.wanted)
        if time.monotonic() < kept.may_start_at:
            return
        missing = kept.wanted - self._available(kept) - kept.starting
        for _ in range(min(missing, _STARTS_AT_ONCE - kept.starting)):
            kept.starting += 1
            tasks.create_task(self._start(key, kept, version), name=f"provisioning {version.name}")

    def _available(self, kept: _Kept) -> int:
        return self._pool.provisioned(kept.version) if kept.version is not None else 0

    def _allocations(
        self, plan: Mapping[ProvisionedConcurrency, Environments]
    ) -> dict[ProvisionedConcurrency, Allocation]:
        left = {key: self._available(kept) for key, kept in self._kept.items()}
        return {config: self._allocation(config, wanted, left) for config, wanted in plan.items()}

    def _allocation(
        self, config: ProvisionedConcurrency, wanted: Environments, left: dict[VersionKey, int]
    ) -> Allocation:
        """How far `config` has come; what it counts is not left to others that want the same."""
        available, reason = 0, None
        for version, count in wanted.items():
            key = _key(config, version)
            found = min(count, left[key])
            left[key] -= found
            available += found
            reason = reason or self._kept[key].reason
        if reason is not None and available < config.requested:
            return Allocation(wanted=wanted, available=available, status="FAILED", reason=reason)
        is_ready = available == config.requested
        status: ProvisionedConcurrencyStatus = "READY" if is_ready else "IN_PROGRESS"
        return Allocation(wanted=wanted, available=available, status=status)

    def _drop_unwanted(self, key: VersionKey, version: FunctionVersion) -> None:
        """What was asked for may have changed while it started."""
        kept = self._kept.get(key)
        wanted = 0
        if (
            kept is not None
            and kept.version is not None
            and kept.version.configuration_id == version.configuration_id
        ):
            wanted = kept.wanted
        self._pool.keep_provisioned(version, wanted)

    async def _start(self, key: VersionKey, kept: _Kept, version: FunctionVersion) -> None:
        try:
            await self._pool.provision(version)
            kept.succeed()
            self._drop_unwanted(key, version)
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
