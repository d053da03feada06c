"""Mounts that a sandbox gets when it is built already."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lambent.sandbox.sandbox import Mount


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "tree/below").mkdir(parents=True)
    (tmp_path / "tree/below/file").write_text("given\n")
    return tmp_path / "tree"


async def said(process) -> str:
    await process.wait()
    return os.read(process.output, 65536).decode()


async def test_every_command_sees_them(place, tree):
    sandbox = await place.build()
    await sandbox.mount([Mount(source=tree, target="/var/task")])
    beside = await sandbox.run_beside(place.script("cat /var/task/below/file"))
    main = await sandbox.run(place.script("cat /var/task/below/file"))
    assert [await said(beside), await said(main)] == ["given\n"] * 2


async def test_they_and_their_mount_points_are_read_only(place, tree):
    sandbox = await place.build()
    await sandbox.mount([Mount(source=tree, target="/var/task")])
    script = (
        "for path in /var/x /var/task/x /var/task/below/x /x; do touch $path; done; "
        "rmdir /var/task; stat -c %a /var /var/task; grep -c ' /var/task ro,nosuid,nodev' "
        "/proc/self/mountinfo"
    )
    output = await said(await sandbox.run(place.script(script)))
    assert output.count("Read-only file system") == 5
    assert output.endswith("755\n755\n1\n")


async def test_they_come_in_order_over_what_is_there_and_may_be_files(place, tree):
    sandbox = await place.build()
    await sandbox.mount(
        [
            Mount(source=tree, target="/opt"),
            Mount(source=tree / "below", target="/opt/below"),
            Mount(source=tree / "below/file", target="/var/one"),
        ]
    )
    output = await said(await sandbox.run(place.script("cat /opt/below/file /var/one; ls /opt")))
    assert output == "given\ngiven\nbelow\n"


async def test_what_is_not_there_is_refused_and_the_sandbox_still_good(place, tree):
    sandbox = await place.build()
    with pytest.raises(FileNotFoundError, match="absent"):
        await sandbox.mount([Mount(source=tree / "absent", target="/opt")])
    await sandbox.mount([Mount(source=tree, target="/opt")])
    assert await said(await sandbox.run(place.script("ls /opt"))) == "below\n"


def our_view() -> tuple[int, Path, bool]:
    return Path("/").stat().st_ino, Path.cwd(), Path("/var/task/below").exists()


async def test_our_own_files_are_where_they_were(place, tree):
    before = our_view()
    sandbox = await place.build()
    await sandbox.mount([Mount(source=tree, target="/var/task")])
    assert our_view() == before
