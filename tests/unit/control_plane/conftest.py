from __future__ import annotations

import asyncio
import io
import zipfile
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from lambent.aws.clients import AwsClients, Endpoints
from lambent.aws.variable_keys import VariableKeys
from lambent.control_plane.code_storage import CodeStorage
from lambent.control_plane.deployment import Deployments
from lambent.control_plane.operations import OPERATIONS
from lambent.control_plane.plane import ControlPlane
from lambent.domain.caller import Caller
from lambent.domain.code_signing_config import AttachedCodeSigningConfig, CodeSigningConfig
from lambent.domain.event_invoke_config import EventInvokeConfig
from lambent.domain.event_source_mapping import EventSourceMapping
from lambent.domain.function_url import FunctionUrl
from lambent.domain.quotas import CODE_STORAGE_BYTES
from lambent.domain.recursion import RecursionConfig
from lambent.domain.reserved_concurrency import ReservedConcurrency
from lambent.domain.resource_policy import FunctionPolicy
from lambent.store.aliases import AliasStore
from lambent.store.database import Database
from lambent.store.deployment_packages import DeploymentPackages
from lambent.store.functions import FunctionStore
from lambent.store.layer_contents import LayerContents
from lambent.store.layers import LayerStore
from lambent.store.provisioned_concurrency import ProvisionedConcurrencyStore
from lambent.store.records import AccountRecords, FunctionRecords
from lambent.store.seal import Seal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from lambent.domain.function import FunctionVersion

ROLE = "arn:aws:iam::123456789012:role/lambda"
ACCESS_POINT = (
    "arn:aws:elasticfilesystem:eu-central-1:123456789012:access-point/fsap-0123456789abcdef0"
)
RUNTIMES = {
    "python3.12": None,
    "python3.13": None,
    "nodejs22.x": None,
    "provided": None,
    "provided.al2023": None,
    "nodejs20.x": "Runtime nodejs20.x is not installed: run `lambent runtime install nodejs20.x`.",
}

VERSIONS = ["2", "1"]  # of every runtime, newest first


def make_archive(text: str = "def handler(event, context): return event") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.py"), text)
    return buffer.getvalue()


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 31, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@dataclass
class Api:
    """The operations, called as the server calls them."""

    plane: ControlPlane
    clock: Clock
    caller: Caller
    layer_contents: LayerContents

    async def __call__(self, operation: str, /, **request: Any) -> dict[str, Any]:
        return await OPERATIONS[operation](self.plane, self.caller, request)

    async def create(self, name: str = "echo", **request: Any) -> dict[str, Any]:
        return await self(
            "CreateFunction",
            **{
                "FunctionName": name,
                "Role": ROLE,
                "Runtime": "python3.12",
                "Handler": "index.handler",
                "Code": {"ZipFile": make_archive()},
                **request,
            },
        )

    async def settle(self) -> None:
        """Let the server's own task deploy what waits."""
        work = asyncio.create_task(self.plane.deployments.run(), name="deployments")
        await self.plane.deployments.wait_idle()
        work.cancel()
        await asyncio.wait([work])

    async def active(self, name: str = "echo", **request: Any) -> dict[str, Any]:
        """A function that is created and deployed; answers its configuration."""
        await self.create(name, **request)
        await self.settle()
        return await self("GetFunctionConfiguration", FunctionName=name)

    async def updated(self, operation: str, /, **request: Any) -> dict[str, Any]:
        """An update that is deployed; answers the configuration after it."""
        await self(operation, **request)
        await self.settle()
        return await self("GetFunctionConfiguration", FunctionName=request["FunctionName"])

    def of(self, *, account_id: str = "123456789012", region: str = "eu-central-1") -> Api:
        """The same server, called from elsewhere."""
        return replace(self, caller=replace(self.caller, account_id=account_id, region=region))


async def no_snapshot(version: FunctionVersion) -> None:
    """All functions initialise, and none is started from a snapshot."""


@asynccontextmanager
async def open_api(directory: Path) -> AsyncIterator[Api]:
    async with Database.open(directory / "lambent.sqlite3") as database:
        functions = await FunctionStore.open(database, Seal(bytes(32)))
        layers = await LayerStore.open(database)
        packages = DeploymentPackages(directory / "code")
        layer_contents = LayerContents(directory / "layers", packages)
        clock = Clock()
        aws = AwsClients(Endpoints())  # none: a test that needs some brings them
        plane = ControlPlane(
            functions=functions,
            aliases=await AliasStore.open(database, functions),
            policies=await FunctionRecords.open(database, functions, FunctionPolicy),
            event_invoke_configs=await FunctionRecords.open(database, functions, EventInvokeConfig),
            function_urls=await FunctionRecords.open(database, functions, FunctionUrl),
            code_signing_configs=await AccountRecords.open(database, CodeSigningConfig),
            attached_code_signing_configs=await FunctionRecords.open(
                database, functions, AttachedCodeSigningConfig
            ),
            event_source_mappings=await AccountRecords.open(database, EventSourceMapping),
            packages=packages,
            aws=aws,
            variable_keys=VariableKeys(aws),
            subnets={"subnet-1": "vpc-1", "subnet-2": "vpc-1", "subnet-3": "vpc-2"},
            security_groups={"sg-1": "vpc-1", "sg-2": "vpc-1"},
            access_points=[ACCESS_POINT],
            code_storage=CodeStorage(functions, layers, CODE_STORAGE_BYTES),
            layers=layers,
            provisioned_concurrency=await ProvisionedConcurrencyStore.open(database, functions),
            reserved_concurrency=await FunctionRecords.open(
                database, functions, ReservedConcurrency
            ),
            recursion_configs=await FunctionRecords.open(database, functions, RecursionConfig),
            deployments=Deployments(functions, packages, layer_contents, no_snapshot),
            runtime_obstacle=lambda name: RUNTIMES.get(name, "It is not there."),
            runtime_version_arns=lambda name, region: [
                f"arn:aws:lambda:{region}::runtime:{name}-{version}" for version in VERSIONS
            ],
            allows_blocked_runtimes=False,
            architecture="x86_64",
            emulated_architectures=frozenset(),
            concurrency=1000,
            endpoint="http://127.0.0.1:9000",
            secure_endpoint=None,
            code_location_key=b"k" * 32,
            clock=clock,
        )
        caller = Caller(account_id="123456789012", region="eu-central-1", request_id="r")
        yield Api(plane, clock, caller, layer_contents)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with open_api(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def archive_of():
    return make_archive


@pytest.fixture(scope="session")
def opened_api():
    return open_api
