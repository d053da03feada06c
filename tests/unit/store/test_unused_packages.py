"""Deployment packages that nobody uses, and those that somebody does."""

from __future__ import annotations

import asyncio
import os
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.support.files import files_below, names_in

from lambent.domain import quotas
from lambent.domain.errors import ServiceError
from lambent.store import deployment_packages

if TYPE_CHECKING:
    from pathlib import Path


def make_old(root):
    for path in (root / "zips").iterdir():
        os.utime(path, (0, 0))


async def test_garbage_is_what_nobody_uses(packages, root, zip_of):
    used, unused = [
        await packages.add(zip_of(("app.py", content))) for content in (b"used", b"unused")
    ]
    for package in (used, unused):
        await packages.unpack(package.sha256)
    make_old(root)
    await packages.collect_garbage({used.sha256})
    assert names_in(root / "zips") == names_in(root / "unpacked")
    assert files_below(packages.task_root(used.sha256)) == ["app.py"]
    assert not packages.task_root(unused.sha256).exists()
    with pytest.raises(ServiceError):
        await packages.unpack(unused.sha256)


async def test_a_package_added_just_now_is_no_garbage(packages, root, zip_of):
    archive = zip_of(("app.py", b"code"))
    package = await packages.add(archive)
    await packages.unpack(package.sha256)
    await packages.collect_garbage(set())
    make_old(root)
    await packages.add(archive)  # counts as well
    await packages.collect_garbage(set())
    with await packages.open(package.sha256) as file:
        assert file.read() == archive
    assert packages.task_root(package.sha256).exists()


async def test_work_in_progress_is_no_garbage(packages, root):
    (root / "zips" / ".unfinished-1").touch()
    (root / "unpacked" / ".unfinished-2").mkdir()
    make_old(root)
    await packages.collect_garbage(set())
    assert names_in(root / "zips") == [".unfinished-1"]
    assert names_in(root / "unpacked") == [".unfinished-2"]


async def test_a_directory_whose_zip_is_gone_is_garbage(packages, root):
    (root / "unpacked" / "0123").mkdir()
    await packages.collect_garbage(set())
    assert names_in(root / "unpacked") == []


async def test_a_package_that_is_added_while_garbage_is_removed_is_made_anew(
    packages, root, zip_of, monkeypatch
):
    archive = zip_of(("app.py", b"code"))
    package = await packages.add(archive)
    await packages.unpack(package.sha256)
    make_old(root)
    again: list[asyncio.Future[Path]] = []

    def remove(path):
        """Its zip is gone, its files are about to be: then somebody comes who wants it."""
        packages._add(archive, quotas.ZIPPED_BYTES)
        unpacking = asyncio.run_coroutine_threadsafe(packages.unpack(package.sha256), loop)
        again.append(asyncio.wrap_future(unpacking, loop=loop))
        shutil.rmtree(path)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(deployment_packages, "remove_tree", remove)
    await packages.collect_garbage(set())
    assert files_below(await again[0]) == ["app.py"]
