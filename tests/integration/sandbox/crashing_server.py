"""A server that starts one sandbox, says where, and waits to be killed."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from lambent.sandbox import privileges
from lambent.sandbox.isolation import Isolation
from lambent.sandbox.sandbox import Command, Limits


async def main(state: Path) -> None:
    limits = Limits(memory_bytes=128 << 20, cpus=1.0, processes=64, open_files=1024)
    script = "setsid sleep 12345 & setsid sleep 12345 & echo ready; sleep 12345"
    command = Command(argv=("/bin/sh", "-c", script), environment={}, working_directory="/tmp")
    async with Isolation.open(state_directory=state, kind="namespaces") as isolation:
        volume, slot = await isolation.volume(1 << 20), await isolation.take_slot()
        sandbox = await isolation.start(command, mounts=(), limits=limits, volume=volume, slot=slot)
        os.set_blocking(sandbox.output, True)
        await asyncio.to_thread(os.read, sandbox.output, 100)
        sys.stdout.write("running\n")
        sys.stdout.flush()
        await sandbox.wait()


if __name__ == "__main__":
    if not privileges.enter_namespaces():
        sys.exit(77)
    asyncio.run(main(Path(sys.argv[1])))
