"""What one sandbox does to hold up the server keeps no other sandbox waiting."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.integration.sandbox.conftest import LIMITS

# More than the server has threads for building sandboxes.
COMPANY = 12
# Whoever is started beside it gets hardly any of their processor time.
BUSY = """
import os
for _ in range(50):
    if os.fork() == 0:
        while True:
            pass
print("busy", flush=True)
os.wait()
"""


async def test_others_are_built_while_one_holds_up_its_company(new_place):
    hostile, other = await new_place(), await new_place()
    sandbox = await hostile.build(limits=replace(LIMITS, cpus=0.05))
    busy = await sandbox.run(hostile.command("/usr/bin/python3", "-c", BUSY))
    await hostile.read_until(busy, b"busy")
    joining = [
        asyncio.create_task(sandbox.run_beside(hostile.script("sleep 100"))) for _ in range(COMPANY)
    ]
    await asyncio.wait(joining, timeout=0.1)
    building = asyncio.create_task(other.sh("echo built"))
    await asyncio.wait([building, *joining], return_when=asyncio.FIRST_COMPLETED)
    assert building.done()
    assert building.result() == "built\n"
    sandbox.kill()
    await asyncio.gather(*joining, return_exceptions=True)
