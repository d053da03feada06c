"""A server that fills one sandbox, and waits to be killed.

Its second argument says what with: `plain`, `company`, or `frozen-1` and `frozen-2`, which are a
company stopped by that version of control groups.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from lambent.sandbox import privileges
from lambent.sandbox.control_groups import groups
from lambent.sandbox.control_groups.mounts import Hierarchies, read_hierarchies
from lambent.sandbox.isolation import Isolation
from lambent.sandbox.sandbox import Command, Limits


async def main(state: Path, kind: str) -> None:
    limits = Limits(memory_bytes=128 << 20, cpus=1.0, processes=64, open_files=1024)
    script = "setsid sleep 12345 & setsid sleep 12345 & echo ready; sleep 12345"
    command = Command(argv=("/bin/sh", "-c", script), environment={}, working_directory="/tmp")
    if kind == "frozen-1":
        found = read_hierarchies()
        vars(groups)["read_hierarchies"] = lambda: Hierarchies(v1=found.v1, v2=None)
    async with Isolation.open(state_directory=state, kind="namespaces") as isolation:
        volume, slot = await isolation.volume(1 << 20), await isolation.take_slot()
        is_alone = kind == "plain"
        sandbox = await isolation.build(
            mounts=(), limits=limits, volume=volume, slot=slot, may_have_company=not is_alone
        )
        starts = [sandbox.run] if is_alone else [sandbox.run_beside] * 2 + [sandbox.run]
        processes = [await start(command) for start in starts]
        for process in processes:
            os.set_blocking(process.output, True)
            await asyncio.to_thread(os.read, process.output, 100)
        if kind.startswith("frozen"):
            sandbox.freeze()
        sys.stdout.write("running\n")
        sys.stdout.flush()
        await processes[-1].wait()


if __name__ == "__main__":
    if not privileges.enter_namespaces():
        sys.exit(77)
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
