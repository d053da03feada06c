"""A function that swaps its files while they are copied gets nothing of the host's."""

from __future__ import annotations

import asyncio
import contextlib
import os

from tests.integration.sandbox.conftest import MIB

from lambent.sandbox import volume_copies

ROUNDS = 100
# Now a directory, now a link to one of the host's; now a file, now a pipe; as fast as can be.
SWAPPER = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
pairs = []
for number in range(20):
    directory, link = f"/tmp/d{number}", f"/tmp/l{number}"
    os.mkdir(directory)
    os.symlink(sys.argv[1], link)
    open(f"/tmp/f{number}", "w").write("mine")
    os.mkfifo(f"/tmp/p{number}")
    pairs += [(directory.encode(), link.encode())]
    pairs += [(b"/tmp/f%d" % number, b"/tmp/p%d" % number)]
print("swapping", flush=True)
while True:
    for one, other in pairs:
        libc.renameat2(-100, one, -100, other, 2)
"""


async def test_a_volume_is_copied_without_following_what_its_user_swaps(new_place, tmp_path):
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for number in range(10):
        (secrets / f"secret{number}").write_text("the host's")
    place = await new_place()
    sandbox = await place.start("/usr/bin/python3", "-c", SWAPPER, str(secrets))
    await place.read_until(sandbox, b"swapping")
    found: list[str] = []
    async with asyncio.timeout(60):
        for number in range(ROUNDS):
            target = tmp_path / f"copy{number}"
            target.mkdir()
            with contextlib.suppress(OSError):
                await asyncio.to_thread(volume_copies.copy_files, place.volume.path, target)
            found += [file for _, _, files in os.walk(target) for file in files]
    assert not [file for file in found if file.startswith("secret")]
    await sandbox.close()


async def test_a_volume_like_another_has_its_files_and_its_user(place):
    await place.sh("mkdir /tmp/d; echo kept >/tmp/d/f; mkfifo /tmp/p; chmod 700 /tmp/d")
    like = await place.isolation.volume(16 * MIB, like=place.volume)
    try:
        assert (like.path / "d/f").read_text() == "kept\n"
        assert (like.path / "d/f").stat().st_uid == place.volume.user_id == like.user_id
        assert (like.path / "d").stat().st_uid == place.volume.user_id
    finally:
        await like.close()
