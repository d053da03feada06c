"""Everything durable, opened together: the database and what is beside it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.domain.code_signing_config import AttachedCodeSigningConfig, CodeSigningConfig
from lambent.domain.event_invoke_config import EventInvokeConfig
from lambent.domain.event_source_mapping import EventSourceMapping
from lambent.domain.function_url import FunctionUrl
from lambent.domain.log_subscription import LogSubscription
from lambent.domain.recursion import RecursionConfig
from lambent.domain.reserved_concurrency import ReservedConcurrency
from lambent.domain.resource_policy import FunctionPolicy
from lambent.store.aliases import AliasStore
from lambent.store.asynchronous_events import EventStore
from lambent.store.code_collection import CodeCollection
from lambent.store.database import Database
from lambent.store.deliveries import DeliveryStore
from lambent.store.deployment_packages import DeploymentPackages
from lambent.store.function_urls import FunctionUrlIndex
from lambent.store.functions import FunctionStore
from lambent.store.layer_contents import LayerContents
from lambent.store.layers import LayerStore
from lambent.store.logs import LogStore
from lambent.store.metrics import MetricStore
from lambent.store.provisioned_concurrency import ProvisionedConcurrencyStore
from lambent.store.records import AccountRecords, FunctionRecords
from lambent.store.seal import Seal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    functions: FunctionStore
    aliases: AliasStore
    policies: FunctionRecords[FunctionPolicy]
    layers: LayerStore
    packages: DeploymentPackages
    layer_contents: LayerContents
    collection: CodeCollection
    provisioned_concurrency: ProvisionedConcurrencyStore
    reserved_concurrency: FunctionRecords[ReservedConcurrency]
    recursion_configs: FunctionRecords[RecursionConfig]
    event_invoke_configs: FunctionRecords[EventInvokeConfig]
    function_urls: FunctionRecords[FunctionUrl]
    function_urls_by_id: FunctionUrlIndex
    code_signing_configs: AccountRecords[CodeSigningConfig]
    attached_code_signing_configs: FunctionRecords[AttachedCodeSigningConfig]
    event_source_mappings: AccountRecords[EventSourceMapping]
    events: EventStore
    deliveries: DeliveryStore
    logs: LogStore
    metrics: MetricStore
    log_subscriptions: AccountRecords[LogSubscription]


@contextlib.asynccontextmanager
async def open_stores(data_directory: Path) -> AsyncIterator[Stores]:
    """What this directory, which nobody else works on, has; afterwards all of it is written.

    Raises DatabaseTooNew, KeyUnusable, SealBroken.
    """
    async with Database.open(data_directory / "lambent.sqlite3") as database:
        seal = Seal.from_key_file(data_directory / "key")
        functions = await FunctionStore.open(database, seal)
        layers = await LayerStore.open(database)
        packages = DeploymentPackages(data_directory / "code")
        layer_contents = LayerContents(data_directory / "layers", packages)
        function_urls = await FunctionRecords.open(database, functions, FunctionUrl)
        yield Stores(
            functions=functions,
            aliases=await AliasStore.open(database, functions),
            policies=await FunctionRecords.open(database, functions, FunctionPolicy),
            layers=layers,
            packages=packages,
            layer_contents=layer_contents,
            collection=CodeCollection(functions, layers, packages, layer_contents),
            provisioned_concurrency=await ProvisionedConcurrencyStore.open(database, functions),
            reserved_concurrency=await FunctionRecords.open(
                database, functions, ReservedConcurrency
            ),
            recursion_configs=await FunctionRecords.open(database, functions, RecursionConfig),
            event_invoke_configs=await FunctionRecords.open(database, functions, EventInvokeConfig),
            function_urls=function_urls,
            function_urls_by_id=FunctionUrlIndex(function_urls),
            code_signing_configs=await AccountRecords.open(database, CodeSigningConfig),
            attached_code_signing_configs=await FunctionRecords.open(
                database, functions, AttachedCodeSigningConfig
            ),
            event_source_mappings=await AccountRecords.open(database, EventSourceMapping),
            events=await EventStore.open(database),
            deliveries=DeliveryStore(database),
            logs=LogStore(database),
            metrics=MetricStore(database),
            log_subscriptions=await AccountRecords.open(database, LogSubscription),
        )
