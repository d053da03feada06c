from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import random
import stat
import tempfile
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st
from tests.support.files import files_below, names_in

from lambent.domain import quotas
from lambent.domain.errors import ServiceError
from lambent.store import deployment_packages
from lambent.store.deployment_packages import DeploymentPackages

LINK = 0o120777
BAD_ZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."
EMPTY_ZIP = "Uploaded file must be a non-empty zip"


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


async def test_a_package_is_known_by_its_hash(packages, zip_of):
    archive = zip_of(("app.py", b"code"))
    package = await packages.add(archive)
    assert package.sha256 == base64.b64encode(hashlib.sha256(archive).digest()).decode()
    assert package.bytes == len(archive)
    with await packages.open(package.sha256) as file:
        assert file.read() == archive


async def test_adding_the_same_again_stores_it_once(packages, root, zip_of):
    first = await packages.add(zip_of(("app.py", b"code")))
    assert await packages.add(zip_of(("app.py", b"code"))) == first
    assert len(names_in(root / "zips")) == 1


async def test_files_are_unpacked_as_they_were_packed(packages, zip_of):
    package = await packages.add(
        zip_of(
            ("app.py", b"code"),
            ("lib/native.so", bytes(3_000_000)),
            ("lib/link.so", b"native.so", LINK),
            ("empty/", b"", 0o040700),
        )
    )
    task = await packages.unpack(package.sha256)
    assert task == packages.task_root(package.sha256)
    assert files_below(task) == ["app.py", "empty", "lib", "lib/link.so", "lib/native.so"]
    assert (task / "app.py").read_bytes() == b"code"
    assert (task / "lib/native.so").read_bytes() == bytes(3_000_000)
    assert (task / "lib/link.so").readlink() == Path("native.so")


@pytest.mark.parametrize(
    ("packed", "unpacked"),
    [
        (0o100644, 0o644),
        (0o100600, 0o644),
        (0o100000, 0o644),
        (0, 0o644),  # packed on Windows
        (0o100755, 0o755),
        (0o100777, 0o755),
        (0o100700, 0o744),
        (0o104755, 0o755),
        (0o102711, 0o755),
        (0o101644, 0o644),
    ],
)
async def test_modes_are_what_a_function_may_use(packages, zip_of, packed, unpacked):
    package = await packages.add(zip_of(("d/file", b"", packed)))
    previous = os.umask(0o077)
    try:
        task = await packages.unpack(package.sha256)
    finally:
        os.umask(previous)
    assert mode(task / "d/file") == unpacked
    assert mode(task / "d") == mode(task) == 0o755


async def test_files_keep_the_time_they_were_packed_with(packages, zip_of):
    package = await packages.add(zip_of(("app.py", b"code")))
    task = await packages.unpack(package.sha256)
    packed = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime((task / "app.py").stat().st_mtime))
    assert packed == "2020-02-03 04:05:06"


async def test_a_time_that_is_none_does_not_matter(packages, zip_of):
    archive = bytearray(zip_of(("app.py", b"code")))
    central = archive.index(b"PK\1\2")
    archive[central + 12 : central + 16] = bytes(4)
    package = await packages.add(bytes(archive))
    task = await packages.unpack(package.sha256)
    assert (task / "app.py").stat().st_mtime == 315532800


async def test_unpacking_many_times_at_once_gives_one_directory(packages, root, zip_of):
    package = await packages.add(zip_of(*((f"{number}", b"x" * 1000) for number in range(200))))
    paths = await asyncio.gather(*(packages.unpack(package.sha256) for _ in range(20)))
    assert len(set(paths)) == 1
    assert len(names_in(root / "unpacked")) == 1
    assert len(files_below(paths[0])) == 200


async def test_unpacking_goes_on_when_the_first_caller_is_cancelled(packages, root, zip_of):
    package = await packages.add(zip_of(*((f"{number}", b"x" * 1000) for number in range(200))))
    first = asyncio.ensure_future(packages.unpack(package.sha256))
    second = asyncio.ensure_future(packages.unpack(package.sha256))
    await asyncio.sleep(0)
    first.cancel()
    assert len(files_below(await second)) == 200
    await asyncio.get_running_loop().shutdown_default_executor()
    assert len(names_in(root / "unpacked")) == 1


async def test_the_slower_of_two_that_unpack_gives_way(packages, root, zip_of, monkeypatch):
    package = await packages.add(zip_of(("app.py", b"code")))
    write_tree = deployment_packages._write_tree

    def write_twice(path, archive):
        write_tree(path, archive)
        write_tree(packages.task_root(package.sha256), archive)

    monkeypatch.setattr(deployment_packages, "_write_tree", write_twice)
    assert files_below(await packages.unpack(package.sha256)) == ["app.py"]
    assert len(names_in(root / "unpacked")) == 1


async def test_an_unpacked_package_is_found_without_the_disk(packages, zip_of, monkeypatch):
    package = await packages.add(zip_of(("app.py", b"code")))
    await packages.unpack(package.sha256)
    monkeypatch.setattr(asyncio, "to_thread", None)
    assert await packages.unpack(package.sha256) == packages.task_root(package.sha256)


async def refusal(packages, archive):
    with pytest.raises(ServiceError) as refused:
        await packages.add(archive)
    return refused.value.code, refused.value.message


async def test_zips_are_refused_in_the_words_of_lambda(packages, root, zip_of):
    code = "InvalidParameterValueException"
    assert await refusal(packages, b"") == (code, EMPTY_ZIP)
    assert await refusal(packages, zip_of()) == (code, EMPTY_ZIP)
    assert await refusal(packages, zip_of(("dir/", b"", 0o040755))) == (code, EMPTY_ZIP)
    assert await refusal(packages, b"no zip") == (code, BAD_ZIP)
    assert await refusal(packages, zip_of(("../a", b""))) == (code, BAD_ZIP)
    assert await refusal(packages, zip_of(("a", b"/etc", LINK))) == (code, BAD_ZIP)
    assert names_in(root / "zips") == names_in(root / "unpacked") == []


async def test_a_zip_of_the_largest_size_is_too_large(packages, zip_of):
    overhead = len(zip_of(("a", b""), compression=zipfile.ZIP_STORED))
    content = bytes(quotas.ZIPPED_BYTES - overhead)
    archive = zip_of(("a", content), compression=zipfile.ZIP_STORED)
    assert await refusal(packages, archive) == (
        "RequestEntityTooLargeException",
        "Zipped size must be smaller than 52428800 bytes",
    )
    smaller = zip_of(("a", content[1:]), compression=zipfile.ZIP_STORED)
    assert (await packages.add(smaller)).bytes == quotas.ZIPPED_BYTES - 1


async def test_files_of_the_largest_size_are_too_large(packages, zip_of):
    half = bytes(quotas.UNZIPPED_BYTES // 2)
    assert await refusal(packages, zip_of(("a", half), ("b", half))) == (
        "InvalidParameterValueException",
        "Unzipped size must be smaller than 262144000 bytes",
    )
    await packages.add(zip_of(("a", half), ("b", half[1:])))


async def test_damaged_content_is_found_when_it_is_added(packages, zip_of):
    noise = random.Random(0).randbytes(1000)
    archive = bytearray(zip_of(("a", noise), compression=zipfile.ZIP_STORED))
    archive[500] ^= 1
    assert (await refusal(packages, bytes(archive)))[1] == BAD_ZIP


@pytest.mark.parametrize("sha256", ["", "../../etc", "short", "x" * 43 + "=", "AAAA"])
async def test_what_is_no_stored_package_is_an_error(packages, sha256):
    with pytest.raises((ServiceError, ValueError)):
        await packages.open(sha256)
    with pytest.raises((ServiceError, ValueError)):
        await packages.unpack(sha256)


async def test_a_package_damaged_on_the_disk_is_not_unpacked(packages, root, zip_of):
    package = await packages.add(zip_of(("app.py", b"code")))
    (stored,) = (root / "zips").iterdir()
    stored.write_bytes(stored.read_bytes()[:-5])
    with pytest.raises(ServiceError, match=r"ServiceException.*damaged"):
        await packages.unpack(package.sha256)
    assert names_in(root / "unpacked") == []


async def test_a_full_disk_leaves_no_zip_behind(packages, root, zip_of, monkeypatch):
    monkeypatch.setattr(os, "fsync", full)
    code, message = await refusal(packages, zip_of(("app.py", b"code")))
    assert code == "ServiceException"
    assert "No space left on device" in message
    assert names_in(root / "zips") == []


async def test_a_full_disk_leaves_no_directory_behind(packages, root, zip_of, monkeypatch):
    package = await packages.add(zip_of(("a", b"x"), ("b", b"y")))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fchmod", full)
        with pytest.raises(ServiceError, match=r"ServiceException.*No space left"):
            await packages.unpack(package.sha256)
    assert names_in(root / "unpacked") == []
    assert files_below(await packages.unpack(package.sha256)) == ["a", "b"]


def full(*_):
    raise OSError(28, "No space left on device")


async def test_packages_outlive_the_process(packages, root, zip_of):
    archive = zip_of(("app.py", b"code"))
    package = await packages.add(archive)
    task = await packages.unpack(package.sha256)
    inode = task.stat().st_ino
    later = DeploymentPackages(root)
    with await later.open(package.sha256) as file:
        assert file.read() == archive
    assert (await later.unpack(package.sha256)).stat().st_ino == inode


async def test_unpacked_files_do_not_outlive_a_crash_of_the_machine(packages, root, zip_of):
    package = await packages.add(zip_of(("app.py", b"code")))
    task = await packages.unpack(package.sha256)
    (task / "app.py").write_bytes(b"")  # as a file system may leave it
    (root / "boot_id").write_text("another")
    task = await DeploymentPackages(root).unpack(package.sha256)
    assert (task / "app.py").read_bytes() == b"code"


async def test_unfinished_work_of_an_earlier_life_is_removed(packages, root, zip_of):
    package = await packages.add(zip_of(("app.py", b"code")))
    task = await packages.unpack(package.sha256)
    (root / "zips" / ".unfinished-1").write_bytes(b"half a zip")
    (root / "unpacked" / ".unfinished-2" / "dir").mkdir(parents=True)
    later = DeploymentPackages(root)
    assert names_in(root / "zips") == names_in(root / "unpacked") == [task.name]
    assert await later.unpack(package.sha256) == task


async def test_a_package_is_measured_by_what_it_unpacks_to(packages, root, zip_of):
    package = await packages.add(zip_of(("a", bytes(1000)), ("b/c", b"xyz"), ("l", b"a", LINK)))
    assert await packages.measure(package.sha256) == 1004
    (stored,) = (root / "zips").iterdir()
    stored.unlink()
    with pytest.raises(ServiceError, match="No such file"):
        await packages.measure(package.sha256)


def escapes(task):
    """Whether anything below `task` leads out of it."""
    return [
        path for path in task.rglob("*") if not Path(os.path.realpath(path)).is_relative_to(task)
    ]


def try_archive(archive):
    """Adds and unpacks, in a directory watched for what is none of the package's business."""
    with tempfile.TemporaryDirectory() as directory:
        watched = Path(directory).resolve()
        packages = DeploymentPackages(watched / "packages")
        task = None
        with contextlib.suppress(ServiceError):
            package = asyncio.run(packages.add(archive))
            task = packages.task_root(package.sha256)
        if task:
            asyncio.run(packages.unpack(package.sha256))  # what was accepted unpacks
            assert files_below(task)
            assert not escapes(task)
        assert names_in(watched) == ["packages"]
        assert names_in(watched / "packages") == ["boot_id", "unpacked", "zips"]
        names = [task.name] if task else []
        assert names_in(watched / "packages/unpacked") == names
        assert names_in(watched / "packages/zips") == names


parts = st.sampled_from(["a", "b", "..", ".", "", "\\", "c" * 300, "\0", "é"])
names = st.lists(parts, max_size=5).map("/".join)
modes = st.sampled_from([0, 0o100755, 0o104644, 0o040755, LINK, LINK, 0o020666, 0o010666])
bodies = st.one_of(st.binary(max_size=50), names.map(str.encode), st.just(bytes(3000)))
archives = st.lists(st.tuples(names, bodies, modes), max_size=6)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_answered(garbage):
    try_archive(garbage)


@settings(deadline=None)
@given(entries=archives)
def test_any_zip_is_answered(zip_of, entries):
    try_archive(zip_of(*entries))


@settings(max_examples=300, deadline=None)
@given(entries=archives, data=st.data())
def test_any_damaged_zip_is_answered(zip_of, entries, data):
    archive = bytearray(zip_of(*entries))
    # Near the end is the directory, where damage tells most.
    places = st.integers(0, len(archive) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=4)):
        archive[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([None, None, None, -1, 10]))
    try_archive(bytes(archive[:cut]))
