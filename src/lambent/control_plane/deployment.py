"""Brings versions from Pending to Active, and updates from InProgress to Successful.

What happens in between is that the deployment package is unpacked and the layers are merged where
execution environments find them. Operations answer before that, as AWS's do; `Deployments.run` is the one that goes on.

The work to do is what the store says is unfinished, never what the queue remembers: an entry in
the queue only says where to look. So a restart loses nothing, and nothing is done twice.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lambent.domain.arn import LATEST
from lambent.domain.errors import ServiceError
from lambent.store.functions import FunctionStore, NotFound, RevisionMismatch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lambent.domain.function import AttachedLayer, FunctionVersion
    from lambent.store.deployment_packages import DeploymentPackages
    from lambent.store.layer_contents import LayerContents

logger = logging.getLogger(__name__)

CREATING = "The function is being created."  # AWS's words, for updates too
CREATING_CODE = "Creating"
# Not the caller's fault: what a zip can have wrong was found when it was sent.
_HOST_FAILED_CODE = "InternalError"
# Its fault: what a function with SnapStart that does not initialise is answered.
_FUNCTION_FAILED = "An error occurred during function initialization."
_FUNCTION_FAILED_CODE = "FunctionError"

_WORKERS = 2  # so that one huge package does not hold up all others
_INITIALIZING_WORKERS = 4  # whose versions may take minutes; no others wait behind those


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Which version to look at."""

    account_id: str
    region: str
    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    reason: str
    code: str


class Deployments:
    """`take_snapshot` initialises a version with SnapStart, and answers why that failed, if so.

    `least_seconds` pass before a version is deployed: on AWS it takes some.
    """

    def __init__(
        self,
        functions: FunctionStore,
        packages: DeploymentPackages,
        layer_contents: LayerContents,
        take_snapshot: Callable[[FunctionVersion], Awaitable[str | None]],
        least_seconds: float = 0.0,
    ) -> None:
        self._functions = functions
        self._packages = packages
        self._layer_contents = layer_contents
        self._take_snapshot = take_snapshot
        self._least_seconds = least_seconds
        self._queue: asyncio.Queue[Deployment] = asyncio.Queue()
        self._initializing: asyncio.Queue[Deployment] = asyncio.Queue()

    def add(self, version: FunctionVersion) -> None:
        """Deploy `version` soon."""
        queue = self._initializing if version.starts_from_snapshot else self._queue
        deployment = Deployment(
            account_id=version.account_id,
            region=version.region,
            name=version.name,
            version=version.version,
        )
        if self._least_seconds:
            loop = asyncio.get_running_loop()
            loop.call_later(self._least_seconds, queue.put_nowait, deployment)
        else:
            queue.put_nowait(deployment)

    def recover(self) -> None:
        """Take up what an earlier run of the server left. Call before the first request."""
        for version in self._functions.all_versions():
            if is_unfinished(version):
                self.add(version)

    async def run(self) -> None:
        """Deploy until cancelled."""
        async with asyncio.TaskGroup() as workers:
            for number in range(_WORKERS):
                workers.create_task(self._work(self._queue), name=f"deployment-{number}")
            for number in range(_INITIALIZING_WORKERS):
                workers.create_task(self._work(self._initializing), name=f"snapshot-{number}")

    async def wait_idle(self) -> None:
        """Return when all that was added, and is due, is done."""
        await self._queue.join()
        await self._initializing.join()

    async def _work(self, queue: asyncio.Queue[Deployment]) -> None:
        while True:
            deployment = await queue.get()
            try:
                await self._deploy(deployment)
            except Exception:
                # A background task's boundary: one version that cannot be stored must not end the
                # deployment of all others. It stays unfinished and is taken up at the next start.
                logger.exception("deployment of %s failed", deployment)
            finally:
                queue.task_done()

    async def _deploy(self, deployment: Deployment) -> None:
        if deployment.version == LATEST:
            await self._deploy_published(deployment)
        while (version := self._unfinished(deployment)) is not None:
            failure = await self._unpack(version)
            if failure is None and version.starts_from_snapshot:
                failure = await self._initialize(version)
            current = self._unfinished(deployment)
            if current is None or _contents(current) != _contents(version):
                continue  # deleted, or made anew with other code, meanwhile
            try:
                # The tags of a function may change its revision while it is being deployed, so the
                # outcome is written onto what is stored now.
                await self._functions.replace_version(
                    _with_outcome(current, failure), if_revision=current.revision_id
                )
            except (RevisionMismatch, NotFound):
                continue

    async def _deploy_published(self, latest: Deployment) -> None:
        """What was published from `latest` meanwhile goes first, as on AWS.

        So whoever waited for the function finds its new version active, too.
        """
        for version in self._functions.versions(latest.account_id, latest.region, latest.name):
            is_published = version.version != LATEST and not version.starts_from_snapshot
            if is_published and is_unfinished(version):
                await self._deploy(replace(latest, version=version.version))

    def _unfinished(self, deployment: Deployment) -> FunctionVersion | None:
        version = self._functions.version(
            deployment.account_id, deployment.region, deployment.name, deployment.version
        )
        return version if version is not None and is_unfinished(version) else None

    async def _initialize(self, version: FunctionVersion) -> _Failure | None:
        problem = await self._take_snapshot(version)
        if problem is None:
            return None
        logger.warning("%s does not initialise: %s", version.qualified_arn, problem)
        return _Failure(reason=_FUNCTION_FAILED, code=_FUNCTION_FAILED_CODE)

    async def _unpack(self, version: FunctionVersion) -> _Failure | None:
        """Why the package cannot be unpacked, or the layers merged; None when they are."""
        try:
            await self._packages.unpack(version.code_sha256)
            await self._layer_contents.prepare(version.layers)
        except ServiceError as error:
            logger.warning("cannot deploy %s: %s", version.qualified_arn, error.message)
            return _Failure(reason=error.message, code=_HOST_FAILED_CODE)
        return None


def _contents(version: FunctionVersion) -> tuple[str, tuple[AttachedLayer, ...]]:
    return version.code_sha256, version.layers


def is_unfinished(version: FunctionVersion) -> bool:
    return version.state == "Pending" or version.last_update_status == "InProgress"


def _with_outcome(version: FunctionVersion, failure: _Failure | None) -> FunctionVersion:
    """`version` after its deployment, with a new revision: callers see the difference."""
    settled = replace(
        version,
        revision_id=str(uuid.uuid4()),
        last_update_status="Successful",
        last_update_status_reason=None,
        last_update_status_reason_code=None,
    )
    if failure is None:
        return replace(settled, state="Active", state_reason=None, state_reason_code=None)
    if version.state == "Pending":
        return replace(
            settled,
            state="Failed",
            state_reason=failure.reason,
            state_reason_code=failure.code,
            last_update_status=None,
        )
    return replace(
        settled,
        last_update_status="Failed",
        last_update_status_reason=failure.reason,
        last_update_status_reason_code=failure.code,
    )
