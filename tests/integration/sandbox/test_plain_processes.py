"""`kind="process"`: the same interface without isolation."""

from __future__ import annotations

import asyncio

import pytest

from lambent.sandbox.isolation import Isolation
from lambent.sandbox.sandbox import Exit


@pytest.fixture
async def plain(tmp_path, make_place, caplog):
    async with Isolation.open(state_directory=tmp_path / "state", kind="process") as isolation:
        assert "isolation is off" in caplog.text
        place = await make_place(isolation)
        yield place
        await place.close()


async def test_it_says_that_commands_see_the_hosts_files(plain):
    assert not plain.isolation.has_own_root


async def test_output_telemetry_environment_and_exit_are_as_in_a_sandbox(plain):
    sandbox = await plain.start("/bin/sh", "-c", "echo o; echo e >&2; echo t >&$TELEMETRY; exit 4")
    assert await sandbox.wait() == Exit(code=4, signal=None, is_out_of_memory=False)
    assert await plain.read_all(sandbox.output) == "o\ne\n"
    assert await plain.read_all(sandbox.telemetry) == "t\n"


async def test_nothing_of_our_environment_is_passed_on(plain, monkeypatch):
    monkeypatch.setenv("HOST_SECRET", "x")
    output = await plain.python("import os; print(sorted(os.environ))", environment={"A": "b"})
    assert "'A'" in output
    assert "TMPDIR" in output
    assert "HOST_SECRET" not in output


async def test_the_listener_is_reached_from_the_command(plain):
    loop = asyncio.get_running_loop()
    host, port = plain.slot.api_address.split(":")
    program = f"import socket; print(socket.create_connection(('{host}', {port})).recv(9))"
    sandbox = await plain.start("/usr/bin/python3", "-c", program)
    connection, _ = await loop.sock_accept(plain.slot.listener)
    connection.sendall(b"hello")
    connection.close()
    assert await plain.read_all(sandbox.output) == "b'hello'\n"


async def test_the_door_is_reached_from_the_command(plain):
    door = plain.slot.door
    host, port = plain.slot.door_address.split(":")
    program = f"import socket; print(socket.create_connection(('{host}', {port})).recv(9))"
    sandbox = await plain.start("/usr/bin/python3", "-c", program)
    connection, _ = await asyncio.get_running_loop().sock_accept(door)
    connection.sendall(b"hello")
    connection.close()
    assert await plain.read_all(sandbox.output) == "b'hello'\n"


async def test_killing_ends_the_whole_group(plain):
    script = "sleep 1000 & echo ready; sleep 1000"
    sandbox = await plain.start("/bin/sh", "-c", script)
    await plain.read_until(sandbox, b"ready")
    sandbox.kill()
    assert (await sandbox.wait()).signal == 9
    # The end of the pipe: nobody holds it any more.
    assert await plain.read_all(sandbox.output) == ""


async def test_descriptors_are_limited_and_memory_is_measured(plain):
    sandbox = await plain.start("/bin/sh", "-c", "ulimit -n; exec sleep 1000")
    assert await plain.read_until(sandbox, b"\n") == f"{plain.limits.open_files}\n".encode()
    assert sandbox.memory_peak_bytes() > 0


async def test_an_entry_point_that_cannot_run_ends_as_a_shell_says_it(plain):
    output, ended = await plain.run("/nowhere")
    assert ended.code == 127
    assert "/nowhere" in output


async def test_the_volume_is_a_directory_that_goes(plain):
    assert await plain.sh("echo $TMPDIR; touch $TMPDIR/x") == f"{plain.volume.path}\n"
    assert [file.name for file in plain.volume.path.iterdir()] == ["x"]
    await plain.volume.close()
    assert not plain.volume.path.exists()


async def test_commands_run_beside_one_another_and_end_alone(plain):
    sandbox = await plain.build()
    wait = "trap 'echo told; exit 3' TERM; echo ready; while :; do sleep 0.01; done"
    beside = await sandbox.run_beside(plain.script(wait))
    main = await sandbox.run(plain.script("exit 5"))
    assert (await main.wait()).code == 5
    await plain.read_until(beside, b"ready")
    assert sandbox.memory_bytes() > 0
    beside.terminate()
    assert (await beside.wait()).code == 3
    assert await plain.read_all(beside.output) == "told\n"


async def test_killing_ends_all_even_when_stopped(plain):
    sandbox = await plain.build()
    processes = [await sandbox.run_beside(plain.script("exec sleep 1000"))]
    processes.append(await sandbox.run(plain.script("exec sleep 1000")))
    sandbox.freeze()
    sandbox.kill()
    assert [(await process.wait()).signal for process in processes] == [9, 9]


async def test_commands_are_stopped_and_go_on(plain):
    sandbox = await plain.build()
    process = await sandbox.run(plain.script("while :; do echo tick; sleep 0.005; done"))
    await plain.read_until(process, b"tick")
    sandbox.freeze()
    sandbox.thaw()
    await plain.read_until(process, b"tick")


async def test_a_sandbox_nothing_ran_in_is_nothing(plain):
    sandbox = await plain.build()
    await sandbox.wait_until_built()
    await sandbox.mount(())
    assert sandbox.first_process is None
    await sandbox.close()


async def test_a_socket_of_ours_lives_in_the_hosts_network(plain):
    loop = asyncio.get_running_loop()
    host, port = plain.slot.api_address.split(":")
    with plain.slot.open_socket() as connection:
        await loop.sock_connect(connection, (host, int(port)))
