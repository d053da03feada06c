"""Commands beside the main one: what they share with it, and who outlives whom."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from lambent.sandbox.sandbox import Exit, Mount, SandboxStartFailed

FINE = Exit(code=0, signal=None, is_out_of_memory=False)
KILLED = Exit(code=None, signal=9, is_out_of_memory=False)
WAIT = "while :; do sleep 0.01; done"


async def said(process) -> str:
    """What a command that has ended has written."""
    await process.wait()
    return os.read(process.output, 65536).decode()


async def test_all_commands_see_one_another_and_the_same_files(place):
    sandbox = await place.build()
    beside = await sandbox.run_beside(place.script(f"echo $$ > /tmp/number; echo ready; {WAIT}"))
    await place.read_until(beside, b"ready")
    main = await sandbox.run(
        place.script('read n < /tmp/number; kill -0 $n && tr "\\0" " " < /proc/$n/cmdline')
    )
    assert "echo ready" in await said(main)


@pytest.mark.parametrize("kind", ["user", "pid", "net", "ipc"])
async def test_namespaces_are_shared(place, kind):
    sandbox = await place.build()
    processes = [
        await sandbox.run_beside(place.script(f"readlink /proc/self/ns/{kind}")),
        await sandbox.run(place.script(f"readlink /proc/self/ns/{kind}")),
    ]
    first, second = [await said(process) for process in processes]
    assert first == second
    assert first.startswith(kind)


@pytest.mark.parametrize(
    "script",
    [
        "id -u; id -g; hostname; pwd; umask; ulimit -n; ulimit -c",
        "grep -E '^(Cap|NoNewPrivs|Seccomp)' /proc/self/status",
        "env | sort",
        "cut -d' ' -f5,6 /proc/self/mountinfo",
        "cat /proc/self/cgroup",
        "ls -l /proc/self/fd | cut -d' ' -f9- | grep -v /proc/ | cut -d: -f1",
        "ls -a / /dev /run; touch /x; mount -t tmpfs x /tmp",
    ],
)
async def test_a_command_beside_has_no_more_and_no_less_than_the_main_one(place, script):
    sandbox = await place.build(may_have_company=False)
    main = await said(await sandbox.run(place.script(script)))
    await sandbox.close()
    sandbox = await place.build()
    beside = await said(await sandbox.run_beside(place.script(script)))
    assert beside == main != ""


async def test_the_limits_hold_for_all_together(place):
    sandbox = await place.build()
    hold = "import time\nx = bytearray(40 << 20)\nprint('ready', flush=True)\ntime.sleep(1000)"
    for start in (sandbox.run_beside, sandbox.run_beside, sandbox.run):
        await place.read_until(await start(place.command("/usr/bin/python3", "-c", hold)), b"ready")
    assert (
        120 << 20
        < sandbox.memory_bytes()
        <= sandbox.memory_peak_bytes()
        < place.limits.memory_bytes
    )


async def test_each_has_its_own_output_and_telemetry(place):
    sandbox = await place.build()
    script = "echo $NAME; echo $NAME again >&2; echo of $NAME >&$TELEMETRY"
    processes = [
        await start(place.script(f"NAME={name}; {script}"))
        for name, start in (
            ("one", sandbox.run_beside),
            ("two", sandbox.run_beside),
            ("main", sandbox.run),
        )
    ]
    for name, process in zip(("one", "two", "main"), processes, strict=True):
        assert await said(process) == f"{name}\n{name} again\n"
        assert os.read(process.telemetry, 999).decode() == f"of {name}\n"


async def test_what_runs_beside_outlives_the_main_command(place):
    sandbox = await place.build()
    beside = await sandbox.run_beside(
        place.script("trap 'echo told; exit 3' TERM; echo ready; " + WAIT)
    )
    await place.read_until(beside, b"ready")
    main = await sandbox.run(place.script("exit 5"))
    assert (await main.wait()).code == 5
    another = await sandbox.run_beside(place.script("echo still here"))
    assert await said(another) == "still here\n"
    beside.terminate()
    assert (await beside.wait()).code == 3
    assert await said(beside) == "told\n"


async def test_the_main_command_outlives_what_runs_beside_and_what_that_left(place):
    sandbox = await place.build()
    beside = await sandbox.run_beside(place.script("setsid sleep 1000 & kill -9 $$"))
    main = await sandbox.run(place.script(f"echo ready; {WAIT}"))
    await place.read_until(main, b"ready")
    assert await beside.wait() == KILLED
    main.kill()
    assert await main.wait() == KILLED


async def test_a_main_command_alone_is_signalled_alone(place):
    sandbox = await place.build(may_have_company=False)
    script = (
        "(trap '' TERM; sleep 0.01; echo child) & trap 'wait; exit 4' TERM; echo ready; " + WAIT
    )
    main = await sandbox.run(place.script(script))
    await place.read_until(main, b"ready")
    main.terminate()
    assert (await main.wait()).code == 4
    main.terminate()
    main.kill()


async def test_what_joins_a_main_command_that_was_alone_ends_with_it(place):
    sandbox = await place.build(may_have_company=False)
    main = await sandbox.run(place.script(f"echo ready; {WAIT}"))
    await place.read_until(main, b"ready")
    beside = await sandbox.run_beside(place.script(f"echo ready; {WAIT}"))
    await place.read_until(beside, b"ready")
    main.kill()
    assert await beside.wait() == KILLED


ORPHANS = """
import os, time
for _ in range(20):
    if os.fork() == 0:
        if os.fork() == 0:
            time.sleep(0.01)
        os._exit(0)
    os.wait()
while len([each for each in os.listdir("/proc") if each.isdigit()]) > 2:
    time.sleep(0.01)
print(os.getpid(), "no orphans")
"""
KILL_ALL = """
import os, signal
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
    try:
        os.kill(-1, number)
    except ProcessLookupError:
        print("nobody", flush=True)
try:
    os.kill(1, signal.SIGKILL)
except PermissionError:
    print("not mine")
"""


@pytest.mark.parametrize("may_have_company", [True, False])
async def test_orphans_are_buried_and_nobody_else_is_there(place, may_have_company):
    sandbox = await place.build(may_have_company=may_have_company)
    main = await sandbox.run(place.command("/usr/bin/python3", "-c", ORPHANS))
    assert await said(main) == "2 no orphans\n"


@pytest.mark.parametrize("may_have_company", [True, False])
async def test_who_signals_everybody_does_not_end_the_sandbox(place, may_have_company):
    sandbox = await place.build(may_have_company=may_have_company)
    main = await sandbox.run(place.command("/usr/bin/python3", "-c", KILL_ALL))
    assert await main.wait() == FINE
    assert await said(main) == "nobody\n" * 3 + "not mine\n"


async def test_ten_at_once(place):
    sandbox = await place.build()
    processes = await asyncio.gather(
        *(sandbox.run_beside(place.script(f"echo {number}")) for number in range(10)),
        sandbox.run(place.script("echo main")),
    )
    answers = [await said(process) for process in processes]
    assert answers == [*(f"{number}\n" for number in range(10)), "main\n"]


async def test_killing_and_closing_end_all(place):
    sandbox = await place.build()
    processes = [await sandbox.run_beside(place.script(WAIT)) for _ in range(2)]
    processes.append(await sandbox.run(place.script(WAIT)))
    sandbox.kill()
    assert [await process.wait() for process in processes] == [KILLED] * 3
    await sandbox.close()
    for process in processes:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(process.output)


async def test_a_sandbox_nothing_ran_in_is_closed(place):
    sandbox = await place.build()
    await sandbox.wait_until_built()
    assert sandbox.first_process is not None
    await sandbox.close()
    await (await place.build()).close()


@pytest.mark.parametrize(
    "ask",
    [
        lambda sandbox, _: sandbox.wait_until_built(),
        lambda sandbox, command: sandbox.run(command),
        lambda sandbox, command: sandbox.run_beside(command),
        lambda sandbox, _: sandbox.mount([Mount(source=Path("/usr"), target="/var")]),
    ],
)
async def test_a_sandbox_that_cannot_be_built_says_so_to_whoever_asks_first(place, tmp_path, ask):
    absent = Mount(source=tmp_path / "absent", target="/opt")

    async def build_and_ask():
        await ask(await place.build(mounts=(absent,)), place.script("exit"))

    with pytest.raises(SandboxStartFailed, match="absent"):
        await build_and_ask()


async def test_a_bad_variable_fails_a_start_and_not_the_sandbox(place):
    sandbox = await place.build()
    for start in (sandbox.run, sandbox.run_beside):
        with pytest.raises(ValueError, match="not an environment variable"):
            await start(place.command("/bin/true", environment={"A": "\0"}))
    assert await said(await sandbox.run(place.script("echo fine"))) == "fine\n"


def command_lines() -> bytes:
    return subprocess.run(["ps", "-ewwo", "args"], capture_output=True, check=True).stdout


async def test_nothing_of_the_environment_is_on_a_command_line(place):
    sandbox = await place.build()
    secret = place.command("/bin/sleep", "60", environment={"SECRET": "swordfish"})
    await sandbox.run_beside(secret)
    await sandbox.run(secret)
    assert b"swordfish" not in command_lines()
