"""How sandboxes start, end, and leave nothing behind."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from lambent.sandbox import servers
from lambent.sandbox.sandbox import Exit, Mount, SandboxStartFailed

MIB = 1024 * 1024


def descendants(pid: int, but_not_below: frozenset[int] = frozenset()) -> set[int]:
    """Every living process below one."""
    parents = {}
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if entry.name.isdigit() and fields[0] != "Z":
            parents[int(entry.name)] = int(fields[1])
    found = {pid}
    while (
        more := {child for child, parent in parents.items() if parent in found - but_not_below}
        - found
    ):
        found |= more
    return found - {pid}


def children(pid: int) -> frozenset[int]:
    return frozenset(descendants(pid, frozenset(descendants(pid))))


def sleeping() -> list[int]:
    return [pid for pid in descendants(os.getpid()) if b"sleep" in command_line(pid)]


def command_line(pid: int) -> bytes:
    """A process's; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def traces(directory: Path, others: frozenset[int]) -> dict[str, object]:
    """All that a sandbox could leave behind.

    Processes come and go below the others: servers that other tests have started.
    """
    name = servers.own_name()
    return {
        "processes": descendants(os.getpid(), others),
        "mounts": Path("/proc/self/mountinfo").read_text().count("\n"),
        # os.walk: other servers' groups come and go meanwhile.
        "groups": sorted(
            f"{parent}/{group}"
            for parent, groups, _ in os.walk("/sys/fs/cgroup")
            for group in groups
            if parent.endswith(f"/{name}")
        ),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "files": sorted(str(path) for path in directory.rglob("*")),
        "loops": sorted(
            text
            for path in Path("/sys/block").glob("loop*/loop/backing_file")
            if name in (text := path.read_text())
        ),
    }


@pytest.mark.parametrize(
    ("script", "code", "signal"),
    [
        ("exit 0", 0, None),
        ("exit 7", 7, None),
        ("kill -9 $$", None, 9),
        ("kill -15 $$", None, 15),
        ("kill -11 $$", None, 11),
    ],
)
async def test_the_way_a_command_ended_is_told(place, script, code, signal):
    _, ended = await place.run("/bin/sh", "-c", script)
    assert ended == Exit(code=code, signal=signal, is_out_of_memory=False)


@pytest.mark.parametrize(("entry", "code"), [("/nowhere", 127), ("/etc/passwd", 126)])
async def test_an_entry_point_that_cannot_run_ends_as_a_shell_says_it(place, entry, code):
    output, ended = await place.run(entry)
    assert ended.code == code
    assert entry in output


async def test_an_absent_mount_fails_the_start_and_not_the_next(place, tmp_path):
    with pytest.raises(SandboxStartFailed, match="absent"):
        await place.start("/bin/true", mounts=(Mount(source=tmp_path / "absent", target="/opt"),))
    assert await place.sh("echo fine") == "fine\n"


async def test_a_bad_variable_fails_the_start(place):
    with pytest.raises(ValueError, match="not an environment variable"):
        await place.start("/bin/true", environment={"A": "\0"})


async def test_output_and_error_come_in_order(place):
    script = "i=0; while [ $i -lt 500 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done"
    output = await place.sh(script)
    assert output.split() == [f"{kind}{i}" for i in range(500) for kind in "oe"]


async def test_telemetry_comes_by_itself(place):
    sandbox = await place.start(
        "/bin/sh", "-c", "echo out; echo $TELEMETRY; echo tele >&$TELEMETRY"
    )
    assert await place.read_all(sandbox.telemetry) == "tele\n"
    assert await place.read_all(sandbox.output) == "out\n3\n"


async def test_closing_kills_what_the_command_left_running(place):
    script = "(trap '' TERM HUP; setsid sleep 1000) >/dev/null 2>&1 & echo started"
    sandbox = await place.start("/bin/sh", "-c", script)
    assert (await sandbox.wait()).code == 0
    await sandbox.close()
    await sandbox.close()
    assert not sleeping()


async def test_files_in_tmp_survive_the_sandbox_and_its_slot(place, isolation):
    await place.sh("echo kept > /tmp/file; chmod 600 /tmp/file")
    await place.slot.close()
    place.slot = await isolation.take_slot()
    assert await place.sh("cat /tmp/file; rm /tmp/file") == "kept\n"


async def test_two_volumes_share_nothing(new_place):
    first, second = await new_place(), await new_place()
    await first.sh("echo mine > /tmp/file")
    assert await second.sh("ls -A /tmp") == ""


async def test_twenty_at_once(new_place):
    places = await asyncio.gather(*(new_place(MIB) for _ in range(20)))
    runs = (place.sh(f"echo {number}; id -u") for number, place in enumerate(places))
    answers = [answer.split() for answer in await asyncio.gather(*runs)]
    assert [int(number) for number, _ in answers] == list(range(20))
    assert len({user for _, user in answers}) == 20


async def test_a_cancelled_start_leaves_nothing(new_place, isolation):
    place = await new_place()
    starting = asyncio.create_task(place.start("/bin/sleep", "1000"))
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await asyncio.gather(*isolation._late)
    assert not sleeping()


async def test_closing_the_isolation_leaves_nothing(tmp_path, open_isolation, make_place):
    (tmp_path / "state").mkdir()
    others = children(os.getpid())
    before = traces(tmp_path, others)
    async with open_isolation(tmp_path) as isolation:
        first, second, third = [await make_place(isolation) for _ in range(3)]
        await first.sh("echo x > /tmp/file; exit 1")
        forgotten = await second.start("/bin/sh", "-c", "sleep 1000 & sleep 1000")
        company = await third.build()
        script = third.script("sleep 1000 & sleep 1000")
        processes = [await company.run_beside(script) for _ in range(2)]
        processes.append(await company.run(script))
        (await asyncio.to_thread(third.slot.open_socket)).close()
        company.freeze()
        await first.close()
    await second.slot.close()
    await third.slot.close()
    assert [(await each.wait()).signal for each in (forgotten, *processes)] == [9] * 4
    assert traces(tmp_path, others) == before
