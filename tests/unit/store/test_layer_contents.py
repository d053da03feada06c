from __future__ import annotations

import asyncio
import errno
import os
import shutil
from pathlib import Path

import pytest

from lambent.domain.errors import ServiceError
from lambent.domain.function import AttachedLayer
from lambent.store import layer_contents
from lambent.store.deployment_packages import DeploymentPackages
from lambent.store.layer_contents import LayerContents

LINK = 0o120777


@pytest.fixture
def packages(tmp_path):
    return DeploymentPackages(tmp_path / "code")


@pytest.fixture
def contents(tmp_path, packages):
    return LayerContents(tmp_path / "layers", packages)


@pytest.fixture
def layer_of(packages, zip_of):
    """Makes a layer of (name, content) or (name, content, st_mode) entries."""

    async def make(*entries):
        package = await packages.add(zip_of(*entries))
        return AttachedLayer(
            arn="arn:aws:lambda:us-east-1:000000000000:layer:tools:1",
            code_sha256=package.sha256,
            code_bytes=package.bytes,
        )

    return make


@pytest.fixture
def merged(tmp_path):
    """The names of the directories of merged layers."""
    return lambda: sorted(path.name for path in (tmp_path / "layers/merged").iterdir())


def files_in(root):
    return {
        str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()
    }


async def test_a_function_without_layers_has_nothing(contents, version_of):
    assert await contents.root(version_of()) is None


async def test_one_layer_is_what_its_zip_unpacks_to(contents, packages, layer_of, version_of):
    layer = await layer_of(("python/tools.py", b"tools"))
    root = await contents.root(version_of(layers=(layer,)))
    assert root == packages.task_root(layer.code_sha256)
    assert files_in(root) == {"python/tools.py": "tools"}


async def test_layers_are_merged_and_the_later_wins(contents, layer_of):
    first = await layer_of(("lib/a", b"1"), ("lib/b", b"1"), ("only/first", b"1"))
    second = await layer_of(("lib/b", b"2"), ("lib/c", b"2"))
    root = await contents.prepare((first, second))
    assert files_in(root) == {"lib/a": "1", "lib/b": "2", "lib/c": "2", "only/first": "1"}
    turned = await contents.prepare((second, first))
    assert files_in(turned) == {"lib/a": "1", "lib/b": "1", "lib/c": "2", "only/first": "1"}


async def test_a_file_takes_the_place_of_a_directory_and_the_reverse(contents, layer_of):
    first = await layer_of(("x/deep/file", b"1"), ("y", b"1"))
    second = await layer_of(("x", b"2"), ("y/deep/file", b"2"))
    assert files_in(await contents.prepare((first, second))) == {"x": "2", "y/deep/file": "2"}


async def test_nothing_is_written_through_an_earlier_layers_link(contents, layer_of):
    first = await layer_of(("real/file", b"1"), ("link", b"real", LINK), ("to", b"real/file", LINK))
    second = await layer_of(("link/file", b"2"), ("to", b"2"))
    root = await contents.prepare((first, second))
    assert files_in(root) == {"real/file": "1", "link/file": "2", "to": "2"}
    assert not (root / "link").is_symlink()


async def test_links_stay_links(contents, layer_of):
    first = await layer_of(("lib/a.so.1", b"1"), ("lib/a.so", b"a.so.1", LINK))
    second = await layer_of(("lib/b", b"2"))
    root = await contents.prepare((first, second))
    assert (root / "lib/a.so").readlink() == Path("a.so.1")


async def test_links_that_lead_outside_only_together_are_refused(contents, layer_of, merged):
    first = await layer_of(("a/b/c/file", b"1"), ("out", b"a/b/c/..", LINK))
    second = await layer_of(("a/b/c", b"../..", LINK))
    with pytest.raises(ServiceError, match="symbolic link that leads outside"):
        await contents.prepare((first, second))
    assert merged() == []


async def test_contents_are_shared_and_take_no_room(contents, packages, layer_of):
    first = await layer_of(("bin/tool", b"1", 0o100755))
    second = await layer_of(("lib/b", b"2"))
    root = await contents.prepare((first, second))
    source = packages.task_root(first.code_sha256) / "bin/tool"
    assert (root / "bin/tool").samefile(source)
    assert (root / "bin/tool").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("why", [errno.EXDEV, errno.EMLINK, errno.EPERM])
async def test_files_that_cannot_be_linked_are_copied(contents, layer_of, monkeypatch, why):
    def refuse(*_, **__):
        raise OSError(why, os.strerror(why))

    monkeypatch.setattr(os, "link", refuse)
    first = await layer_of(("bin/tool", b"1", 0o100755))
    second = await layer_of(("lib/b", b"2"))
    root = await contents.prepare((first, second))
    assert files_in(root) == {"bin/tool": "1", "lib/b": "2"}
    assert (root / "bin/tool").stat().st_mode & 0o777 == 0o755
    assert (root / "bin/tool").stat().st_mtime == (root / "lib/b").stat().st_mtime  # the zip's


async def test_a_full_disk_fails_and_leaves_nothing(contents, layer_of, merged, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    layers = [await layer_of(("a", b"1")), await layer_of(("b", b"2"))]
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", full)
        with pytest.raises(ServiceError, match="could not be merged: No space left on device"):
            await contents.prepare(layers)
    assert merged() == []
    assert files_in(await contents.prepare(layers)) == {"a": "1", "b": "2"}


async def test_one_directory_is_made_once_for_all(contents, layer_of, merged, monkeypatch):
    layers = [await layer_of(("a", b"1")), await layer_of(("b", b"2"))]
    again = [await layer_of(("a", b"1")), await layer_of(("b", b"2"))]
    roots = await asyncio.gather(*(contents.prepare(each) for each in (layers, again) * 10))
    assert len(set(roots)) == len(merged()) == 1
    monkeypatch.setattr(asyncio, "to_thread", None)  # found without the disk
    assert await contents.prepare(layers) == roots[0]


async def test_a_caller_that_goes_away_harms_no_other(contents, layer_of, merged):
    layers = [await layer_of(("a", b"1")), await layer_of(("b", b"2"))]
    first = asyncio.create_task(contents.prepare(layers))
    second = asyncio.create_task(contents.prepare(layers))
    await asyncio.sleep(0)
    first.cancel()
    assert files_in(await second) == {"a": "1", "b": "2"}
    await asyncio.get_running_loop().shutdown_default_executor()
    assert len(merged()) == 1


async def test_merged_layers_outlive_the_process(contents, packages, layer_of, tmp_path):
    layers = [await layer_of(("a", b"1")), await layer_of(("b", b"2"))]
    root = await contents.prepare(layers)
    inode = root.stat().st_ino
    (tmp_path / "layers/merged/.unfinished-1/dir").mkdir(parents=True)
    later = LayerContents(tmp_path / "layers", packages)
    assert await later.prepare(layers) == root
    assert root.stat().st_ino == inode
    assert not (tmp_path / "layers/merged/.unfinished-1").exists()


async def test_merged_layers_do_not_outlive_a_crash_of_the_machine(
    contents, packages, layer_of, tmp_path, merged
):
    layers = [await layer_of(("a", b"1")), await layer_of(("b", b"2"))]
    await contents.prepare(layers)
    (tmp_path / "layers/boot_id").write_text("another")
    LayerContents(tmp_path / "layers", packages)
    assert merged() == []


async def test_what_nobody_uses_is_removed(contents, layer_of, merged):
    layers = [await layer_of((name, b"1")) for name in "abc"]
    used = await contents.prepare(layers[:2])
    await contents.prepare(layers[1:])
    await contents.collect_garbage([tuple(layers[:2]), tuple(layers[2:]), ()])
    assert merged() == [used.name]
    assert await contents.prepare(layers[:2]) == used
    assert files_in(await contents.prepare(layers[1:])) == {"b": "1", "c": "1"}


async def test_layers_wanted_while_garbage_is_removed_are_merged_anew(
    contents, layer_of, monkeypatch
):
    layers = [await layer_of(("a", b"1")), await layer_of(("b", b"2"))]
    await contents.prepare(layers)
    again: list[asyncio.Future[Path]] = []

    def remove(path):
        preparing = asyncio.run_coroutine_threadsafe(contents.prepare(layers), loop)
        again.append(asyncio.wrap_future(preparing, loop=loop))
        shutil.rmtree(path)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(layer_contents, "remove_tree", remove)
    await contents.collect_garbage([])
    assert files_in(await again[0]) == {"a": "1", "b": "2"}


async def test_a_directory_lost_between_two_lives_is_made_again(
    contents, packages, layer_of, tmp_path
):
    layers = [await layer_of(("a", b"1")), await layer_of(("b", b"2"))]
    shutil.rmtree(await contents.prepare(layers))
    later = LayerContents(tmp_path / "layers", packages)
    assert files_in(await later.prepare(layers)) == {"a": "1", "b": "2"}
