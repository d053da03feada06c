"""Runs some sandboxes as whoever it is started by, and prints what they saw as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from pathlib import Path

from lambent.sandbox import host, privileges
from lambent.sandbox.isolation import Isolation
from lambent.sandbox.network.router import ROUTER_ADDRESS
from lambent.sandbox.sandbox import Command, Limits, Mount, NetworkSlot, Process

_LIMITS = Limits(memory_bytes=128 << 20, cpus=1.0, processes=64, open_files=1024)
_CONNECT = (
    "import socket, sys\n"
    "s = socket.socket(); s.settimeout(5)\n"
    "try: s.connect((sys.argv[1], int(sys.argv[2]))); print(s.recv(9).decode())\n"
    "except OSError as error: print(error.errno)"
)


async def run(isolation: Isolation, *argv: str) -> str:
    volume, slot = await isolation.volume(2 << 20), await isolation.take_slot()
    command = Command(argv=argv, environment={"PATH": "/usr/bin:/bin"}, working_directory="/tmp")
    sandbox = await isolation.build(mounts=(), limits=_LIMITS, volume=volume, slot=slot)
    output = await read_all(await sandbox.run(command))
    await sandbox.close()
    await slot.close()
    await volume.close()
    return output


async def read_all(process: Process) -> str:
    os.set_blocking(process.output, True)
    parts = []
    while part := await asyncio.to_thread(os.read, process.output, 65536):
        parts.append(part)
    return b"".join(parts).decode().strip()


async def run_in_company(isolation: Isolation, mount: Mount) -> dict[str, object]:
    """What a command that runs beside another sees and does, in a sandbox that gets a mount late."""

    def command(script: str) -> Command:
        argv = ("/bin/sh", "-c", script)
        return Command(argv=argv, environment={"PATH": "/usr/bin:/bin"}, working_directory="/tmp")

    volume, slot = await isolation.volume(2 << 20), await isolation.take_slot()
    sandbox = await isolation.build(
        mounts=(), limits=_LIMITS, volume=volume, slot=slot, may_have_company=True
    )
    await sandbox.mount((mount,))
    waits = "trap 'exit 7' TERM; echo $$ $(id -u) $(readlink /proc/self/ns/ipc); while :; do sleep 0.01; done"
    first = await sandbox.run_beside(command(waits))
    number, user, ipc = (await asyncio.to_thread(read_line, first)).split()
    looks = (
        f"test -d /proc/{number} && echo seen; readlink /proc/self/ns/ipc; cat {mount.target}/file"
    )
    main = await sandbox.run(command(looks))
    ended = await main.wait()
    connection = await asyncio.to_thread(slot.open_socket)
    await asyncio.get_running_loop().sock_connect(connection, slot_address(slot))
    reached = connection.getpeername() == slot_address(slot)
    connection.close()
    first.terminate()
    seen: dict[str, object] = {
        "user": user,
        "looked": (os.read(main.output, 999).decode().split(), ipc, ended.code),
        "first": (await first.wait()).code,
        "reached": reached,
    }
    await sandbox.close()
    await slot.close()
    await volume.close()
    return seen


def read_line(process: Process) -> str:
    os.set_blocking(process.output, True)
    return os.read(process.output, 999).decode()


def slot_address(slot: NetworkSlot) -> tuple[str, int]:
    host, port = slot.api_address.split(":")
    return host, int(port)


async def main(state: Path) -> None:
    seen: dict[str, object] = {
        "capabilities": {found.name: found.state for found in await asyncio.to_thread(host.probe)}
    }
    with socket.create_server(("0.0.0.0", 0)) as service:
        port = service.getsockname()[1]
        async with Isolation.open(state_directory=state, kind="namespaces") as isolation:
            seen["user"] = await run(isolation, "/bin/sh", "-c", "echo $(id -u) $(id -g)")
            powers = await run(isolation, "/bin/grep", "CapEff", "/proc/self/status")
            seen["powers"] = powers.split()[1]
            shown = await run(isolation, "/bin/sh", "-c", "ls -d /proc/[0-9]* | wc -l")
            seen["processes"] = int(shown)
            seen["tmp"] = await run(isolation, "/bin/dd", "if=/dev/zero", "of=/tmp/a", "bs=1M")
            python = ("/usr/bin/python3", "-c", _CONNECT)
            seen["host"] = await run(isolation, *python, "127.0.0.1", str(port))
            mount = Mount(source=state.parent / "given", target="/var/task")
            seen["company"] = await run_in_company(isolation, mount)
            seen["router"] = await run(isolation, *python, ROUTER_ADDRESS, "9000")
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    if not privileges.enter_namespaces():
        sys.exit(77)
    asyncio.run(main(Path(sys.argv[1])))
