"""What is removed when nobody uses it, and what is not."""

from __future__ import annotations

import asyncio
import os

import pytest

from lambent.domain.errors import ServiceError
from lambent.domain.function import AttachedLayer, Function
from lambent.domain.layer import LayerReference, LayerVersion
from lambent.store import code_collection
from lambent.store.code_collection import CodeCollection
from lambent.store.deployment_packages import DeploymentPackages
from lambent.store.functions import FunctionStore
from lambent.store.layer_contents import LayerContents
from lambent.store.layers import LayerStore

TOOLS = LayerReference(account_id="000000000000", region="us-east-1", name="tools")


class Trial:
    def __init__(self, directory, functions, layers, zip_of):
        self.directory = directory
        self.functions = functions
        self.layers = layers
        self.packages = DeploymentPackages(directory / "code")
        self.contents = LayerContents(directory / "layers", self.packages)
        self.collection = CodeCollection(functions, layers, self.packages, self.contents)
        self._zip_of = zip_of

    async def package(self, name):
        """One that was added long ago."""
        added = await self.packages.add(self._zip_of((name, name.encode())))
        await self.packages.unpack(added.sha256)
        for path in (self.directory / "code/zips").iterdir():
            os.utime(path, (0, 0))
        return added.sha256

    async def layer(self, name):
        sha256 = await self.package(name)
        return AttachedLayer(arn=f"arn of {name}", code_sha256=sha256, code_bytes=1)

    async def is_there(self, sha256):
        try:
            (await self.packages.open(sha256)).close()
        except ServiceError:
            return False
        return self.packages.task_root(sha256).exists()


@pytest.fixture
async def trial(database, seal, zip_of, tmp_path):
    functions = await FunctionStore.open(database, seal)
    return Trial(tmp_path, functions, await LayerStore.open(database), zip_of)


async def create(trial, version):
    function = Function(account_id=version.account_id, region=version.region, name=version.name)
    await trial.functions.create(function, version)


async def test_at_the_start_what_no_version_has_goes_at_once(trial, version_of):
    used, published, unused = [await trial.package(name) for name in "abc"]
    await create(trial, version_of(code_sha256=used))
    layer = LayerVersion(
        layer=TOOLS,
        version=0,
        created="2026-01-31T12:00:00.000+0000",
        code_sha256=published,
        code_bytes=1,
    )
    await trial.layers.publish(layer)
    await trial.collection.collect()
    assert [await trial.is_there(each) for each in (used, published, unused)] == [True, True, False]


async def test_what_a_deleted_function_had_goes_at_the_second_look(trial, version_of):
    code, layers = await trial.package("code"), tuple([await trial.layer(name) for name in "ab"])
    version = version_of(code_sha256=code, layers=layers)
    await create(trial, version)
    merged = await trial.contents.root(version)
    await trial.collection.collect()
    await trial.functions.delete(version.account_id, version.region, version.name)
    await trial.collection.collect()
    assert await trial.is_there(code)
    assert merged.exists()
    await trial.collection.collect()
    assert not await trial.is_there(code)
    assert not merged.exists()
    assert not await trial.is_there(layers[0].code_sha256)


async def test_what_an_environment_has_stays_though_its_function_is_gone(trial, version_of):
    code, layers = await trial.package("code"), tuple([await trial.layer(name) for name in "ab"])
    version = version_of(code_sha256=code, layers=layers)
    merged = await trial.contents.root(version)
    for _ in range(3):
        await trial.collection.collect([version])
    assert await trial.is_there(code)
    assert merged.exists()


async def test_it_looks_now_and_then_and_outlives_a_disk_that_fails(trial, monkeypatch, caplog):
    unused = await trial.package("unused")
    looks: asyncio.Queue[object] = asyncio.Queue()

    async def fail(in_use):
        looks.put_nowait(in_use)
        raise OSError("Input/output error")

    monkeypatch.setattr(code_collection, "_LOOK_EVERY_SECONDS", 0)
    monkeypatch.setattr(trial.contents, "collect_garbage", fail)
    looking = asyncio.create_task(trial.collection.run(list))
    for _ in range(2):
        await looks.get()
    looking.cancel()
    await asyncio.wait([looking])
    assert "could not be removed: Input/output error" in caplog.text
    assert not await trial.is_there(unused)
