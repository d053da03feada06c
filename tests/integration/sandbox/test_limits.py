"""What a sandbox may use up, and that only it suffers."""

from __future__ import annotations

from dataclasses import replace

from lambent.sandbox.sandbox import Exit

MIB = 1024 * 1024

_EAT_MEMORY = "blocks = []\nwhile True: blocks.append(bytearray(8 << 20))"


async def test_a_full_tmp_says_so_and_has_the_size_asked_for(new_place):
    place = await new_place(32 * MIB)
    output = await place.sh(
        "dd if=/dev/zero of=/tmp/a bs=1M count=32 2>&1 | tail -1; dd if=/dev/zero of=/tmp/b bs=1M 2>&1"
    )
    assert output.startswith("33554432 bytes")
    assert "No space left on device" in output


async def test_tmp_is_not_memory(new_place):
    """A file system larger than the function's memory can be filled."""
    place = await new_place(128 * MIB)
    small = replace(place.limits, memory_bytes=48 * MIB)
    output, ended = await place.run(
        "/bin/dd", "if=/dev/zero", "of=/tmp/a", "bs=1M", "count=128", limits=small
    )
    assert (ended.code, ended.is_out_of_memory) == (0, False), output


async def test_the_hosts_disk_is_used_only_as_far_as_written(isolation, tmp_path):
    volume = await isolation.volume(512 * MIB)
    used = sum(file.stat().st_blocks * 512 for file in tmp_path.rglob("*.ext4"))
    assert used < 4 * MIB
    await volume.close()


async def test_memory_out_is_reported_and_harms_nobody(new_place):
    neighbour, victim = await new_place(), await new_place()
    beside = await neighbour.start("/bin/sleep", "60")
    _, ended = await victim.run("/usr/bin/python3", "-c", _EAT_MEMORY)
    assert ended.is_out_of_memory
    assert (ended.code, ended.signal) == (None, 9)
    assert await victim.sh("echo fine") == "fine\n"
    beside.kill()
    assert await beside.wait() == Exit(code=None, signal=9, is_out_of_memory=False)


async def test_a_kill_is_no_memory_out(place):
    sandbox = await place.start("/bin/sleep", "60")
    sandbox.kill()
    ended = await sandbox.wait()
    assert (ended.signal, ended.is_out_of_memory) == (9, False)


async def test_a_fork_bomb_is_bounded(place):
    program = (
        "import os\n"
        "count = 0\n"
        "try:\n"
        "  while True:\n"
        "    if os.fork() == 0: os.read(os.pipe()[0], 1)\n"
        "    count += 1\n"
        "except OSError as error: print(count, error.strerror, flush=True)\n"
        "os._exit(0)"
    )
    output = await place.python(program, limits=replace(place.limits, processes=20))
    assert output == "19 Resource temporarily unavailable\n"


async def test_threads_count_as_processes(place):
    program = (
        "import threading\n"
        "stop = threading.Event()\n"
        "threads = []\n"
        "try:\n"
        "  for i in range(100):\n"
        "    threads.append(threading.Thread(target=stop.wait, daemon=True))\n"
        "    threads[-1].start()\n"
        "except RuntimeError: print(i)"
    )
    output = await place.python(program, limits=replace(place.limits, processes=30))
    assert output == "29\n"


async def test_descriptors_are_limited_and_cores_not_written(place):
    output = await place.sh("ulimit -n; ulimit -c", limits=replace(place.limits, open_files=100))
    assert output == "100\n0\n"


async def test_processor_time_is_throttled_to_the_share(place, isolation):
    sandbox = await place.start(
        "/bin/sh",
        "-c",
        "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done",
        limits=replace(place.limits, cpus=0.2),
    )
    await sandbox.wait()
    group = sandbox.sandbox._body._design.group._directories["cpu"]
    statistics = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
    assert int(statistics["nr_throttled"]) > 0


async def test_peak_memory_is_measured_and_stays(place):
    program = (
        "import os\n"
        "block = bytearray(60 << 20)\n"
        "block[::4096] = b'x' * len(block[::4096])\n"
        "del block\n"
        "print('done', flush=True)\n"
        "os.read(os.pipe()[0], 1)"
    )
    sandbox = await place.start("/usr/bin/python3", "-c", program)
    await place.read_until(sandbox, b"done")
    assert 60 * MIB < sandbox.memory_peak_bytes() < 120 * MIB


async def test_the_memory_limit_can_be_lowered_and_raised_again(place):
    sandbox = await place.build()
    for size in (32 * MIB, 128 * MIB, 96 * MIB):
        sandbox.limit(replace(place.limits, memory_bytes=size))
    process = await sandbox.run(place.command("/usr/bin/python3", "-c", "b'x' * (40 << 20)"))
    assert (await process.wait()).code == 0
