"""Everything durable, opened together: the database and what is beside it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.store.code_collection import CodeCollection
from lambent.store.database import Database
from lambent.store.deployment_packages import DeploymentPackages
from lambent.store.functions import FunctionStore
from lambent.store.layer_contents import LayerContents
from lambent.store.layers import LayerStore
from lambent.store.logs import LogStore
from lambent.store.provisioned_concurrency import ProvisionedConcurrencyStore
from lambent.store.seal import Seal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    functions: FunctionStore
    layers: LayerStore
    packages: DeploymentPackages
    layer_contents: LayerContents
    collection: CodeCollection
    provisioned_concurrency: ProvisionedConcurrencyStore
    logs: LogStore


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
        yield Stores(
            functions=functions,
            layers=layers,
            packages=packages,
            layer_contents=layer_contents,
            collection=CodeCollection(functions, layers, packages, layer_contents),
            provisioned_concurrency=ProvisionedConcurrencyStore(database),
            logs=LogStore(database),
        )
