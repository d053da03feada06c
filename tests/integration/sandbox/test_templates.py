"""Processes that make copies of themselves, and the sandboxes those are in."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
from pathlib import Path

import pytest
from tests.integration.sandbox.conftest import LIMITS, MIB, Place, read_all

from lambent.sandbox.sandbox import Command, Mount, Process, SandboxStartFailed
from lambent.sandbox.template import Template, read_readiness

OWN_CODE = Path(__file__).parents[3] / "src/lambent/runtimes/python"
# What a function does before its snapshot, and after it; the latter comes as a variable.
PROGRAM = """
import os, sys
sys.path.insert(0, "/var/task")
import snapshot
exec(os.environ["FIRST"])
snapshot.restore_next(lambda: print("nobody"), lambda: None)
exec(os.environ["THEN"])
"""


def find_python() -> str:
    """A Python that can unshare, which is one of 3.12 or later."""
    versions = Path.home() / ".pyenv/versions"
    found = [*versions.glob("3.12*/bin/python3.12"), shutil.which("python3.12")]
    for each in found:
        if each:
            return str(each)
    pytest.skip("no Python 3.12 is installed")


class Source:
    """A template on trial, and what is made of it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.variables = {"PATH": "/usr/bin:/bin", "FIRST": "", "THEN": ""}
        self._undo = contextlib.AsyncExitStack()

    async def start(self, first: str = "") -> Template:
        python, place = find_python(), self.place
        prefix = Path(python).parents[1]
        mounts = [Mount(source=OWN_CODE, target="/var/task")]
        if not prefix.is_relative_to("/usr"):
            mounts.append(Mount(source=prefix, target=str(prefix)))
        self.variables["FIRST"] = first
        self.sandbox = await place.isolation.build(
            mounts=mounts,
            limits=LIMITS,
            volume=place.volume,
            slot=place.slot,
            may_be_copied=True,
        )
        place.sandboxes.append(self.sandbox)
        listener = await place.isolation.listen_for_template(place.slot)
        self.process = await self.sandbox.run_beside(
            Command(
                argv=(python, "-c", PROGRAM), environment=self.variables, working_directory="/tmp"
            )
        )
        loop = asyncio.get_running_loop()
        with listener:
            async with asyncio.timeout(60):
                connection, _ = await loop.sock_accept(listener)
                readiness = read_readiness(await loop.sock_recv(connection, 65536))
        assert readiness is not None
        self.template = Template(connection, readiness, self.sandbox, place.volume, self.variables)
        self._undo.callback(self.template.close)
        return self.template

    async def restore(self, then: str) -> Process:
        isolation = self.place.isolation
        volume = await isolation.volume(16 * MIB, like=self.place.volume)
        self._undo.push_async_callback(volume.close)
        self.copy, slot = await isolation.restore(self.template, volume, LIMITS)
        self._undo.push_async_callback(slot.close)
        self._undo.push_async_callback(self.copy.close)
        environment = {**self.variables, "THEN": then}
        return await self.copy.run(Command(argv=(), environment=environment, working_directory="/"))

    async def tell(self, then: str) -> str:
        """What a copy prints."""
        process = await self.restore(then)
        await process.wait()
        return (await read_all(process.output)).strip()

    async def close(self) -> None:
        await self._undo.aclose()


@pytest.fixture
async def source(place):
    trial = Source(place)
    yield trial
    await trial.close()


async def test_a_copy_goes_on_where_its_template_waits(source):
    await source.start("made = os.urandom(8).hex()")
    first, second = [await source.tell("print(made)") for _ in range(2)]
    assert first == second
    assert len(first) == 16


async def test_a_template_says_what_stands_in_the_way(source):
    template = await source.start("import socket\nopen_one = socket.socket()")
    assert (template.readiness.sockets, template.readiness.problem) == (1, "")


@pytest.mark.parametrize(
    ("first", "problem"),
    [
        (
            "import threading, time\n"
            "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
            "2 threads",
        ),
        ("import subprocess\nsubprocess.Popen(['/bin/sleep', '60'])", "processes"),
    ],
)
async def test_what_can_not_be_copied_says_why(source, first, problem):
    assert problem in (await source.start(first)).readiness.problem


async def test_how_a_copy_ended_is_known(source):
    await source.start()
    ends = [await (await source.restore(f"os._exit({code})")).wait() for code in (0, 7)]
    assert [(each.code, each.signal) for each in ends] == [(0, None), (7, None)]
    process = await source.restore("import time\nprint('up', flush=True)\ntime.sleep(60)")
    process.kill()
    ended = await process.wait()
    assert (ended.code, ended.signal) == (None, signal.SIGKILL)


async def test_a_copy_that_uses_too_much_memory_ends_alone(source):
    await source.start()
    ended = await (await source.restore("b'x' * (400 << 20)")).wait()
    assert ended.is_out_of_memory
    assert await source.tell("print('still there')") == "still there"


async def test_copies_have_the_files_of_the_template_and_each_its_own(source):
    await source.start("open('/tmp/made', 'w').close()")
    then = "print(os.listdir('/tmp'))\nopen('/tmp/own', 'w').close()"
    assert [await source.tell(then) for _ in range(2)] == ["['made']"] * 2


async def test_copies_outlive_their_template(source):
    await source.start()
    process = await source.restore(
        "input = os.read(1000, 1) if 0 else None\nprint('up', flush=True)\nimport time\ntime.sleep(1)\nprint('done')"
    )
    source.process.kill()
    await source.process.wait()
    await process.wait()
    assert (await read_all(process.output)).split() == ["up", "done"]
    with pytest.raises(SandboxStartFailed):
        await source.restore("")


async def test_closing_a_copy_ends_all_it_has_started(source):
    await source.start()
    process = await source.restore(
        "import subprocess\n"
        "subprocess.Popen(['/bin/sleep', '1000'], start_new_session=True)\n"
        "print('up', flush=True)"
    )
    await process.wait()
    await source.copy.close()
    assert (
        await source.tell(
            "import glob\n"
            "print(sum(b'sleep' in open(each, 'rb').read() for each in glob.glob('/proc/*/cmdline')))"
        )
    ) == "0"


async def test_a_copy_has_no_powers_and_can_get_none(source):
    await source.start()
    then = """
with open('/proc/self/status') as status:
    print({line.split()[1] for line in status if line.startswith('Cap')} == {'0' * 16})
try:
    os.unshare(0x5C02_0000)
except PermissionError:
    print('refused')
"""
    assert (await source.tell(then)).split() == ["True", "refused"]


@pytest.mark.parametrize("flags", [0x1000_0000, 0x4000_0000, 0x5C02_0000 | 0x2000_0000, 0])
async def test_a_template_may_unshare_nothing_but_what_copies_have_to(source, flags):
    await source.start(
        f"said = 'allowed'\ntry:\n    os.unshare({flags})\n"
        "except PermissionError:\n    said = 'refused'"
    )
    assert await source.tell("print(said)") == "refused"


HOSTILE = """
import snapshot
snapshot._drop_privileges = lambda program: None
"""


async def test_one_that_keeps_its_powers_is_no_administrator_of_its_network(source):
    await source.start(HOSTILE)
    then = """
import fcntl, socket
opened = []
for family, kind, protocol in (
    (socket.AF_NETLINK, socket.SOCK_RAW, 0),  # interfaces, traffic control
    (socket.AF_NETLINK, socket.SOCK_DGRAM, 12),  # netfilter
    (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
    (socket.AF_INET, 10, 0x300),  # SOCK_PACKET, which becomes AF_PACKET
    (socket.AF_PACKET, socket.SOCK_RAW, 0x300),
):
    try:
        socket.socket(family, kind, protocol).close()
        opened.append((family, kind, protocol))
    except OSError:
        pass
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for level, option in ((0, 64), (41, 64), (0, 96), (0, 17), (41, 35)):
    try:
        one.setsockopt(level, option, b'x' * 256)
        opened.append((level, option))
    except PermissionError:
        pass
for request in (0x8946, 0x89A0, 0x89F1):  # ethtool, add a bridge, add a tunnel
    try:
        fcntl.ioctl(one, request, b'x' * 40)
        opened.append(request)
    except PermissionError:
        pass
print(opened)
"""
    assert await source.tell(then) == "[]"


# Sends as anybody to the router, which refuses it: its answer goes to whoever that is.
SEND = """
import socket
def send(source, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.setsockopt(socket.SOL_IP, 19, 1)  # IP_TRANSPARENT, for administrators only
        one.bind((source, port))
        one.sendto(b'x', ('169.254.76.1', 9))
"""
LISTEN = """
import signal
signal.signal(signal.SIGTERM, lambda *_: None)
sockets = {}
for port in (7007, 7099):
    sockets[port] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sockets[port].bind(('', port))
    sockets[port].connect(('169.254.76.1', 9))
print(sockets[7007].getsockname()[0], flush=True)
signal.pause()
sockets[7007].send(b'x')
for port, each in sockets.items():
    each.setblocking(port == 7007)
    try:
        each.recv(1)
    except BlockingIOError:
        pass
    except OSError:
        print('heard', port)
"""


async def test_one_that_keeps_its_powers_sends_under_no_other_address(source):
    await source.start(HOSTILE)
    listening = await source.restore(SEND + LISTEN)
    address = (await source.place.read_until(listening, b"\n")).decode().strip()
    assert await source.tell(SEND + f"send({address!r}, 7099); print('sent')") == "sent"
    listening.terminate()
    await listening.wait()
    assert await read_all(listening.output) == "heard 7007\n"


async def test_what_is_restored_finds_its_interfaces_without_netlink(source):
    """Which would be an administrator's who keeps the powers a copy begins with."""
    await source.start()
    then = """
import array, fcntl, socket
try:
    socket.if_nameindex()
except OSError:
    print('no netlink')
names = array.array('B', bytes(4096))
import struct
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    request = struct.pack('iL', 4096, names.buffer_info()[0])
    length = struct.unpack('iL', fcntl.ioctl(one, 0x8912, request))[0]  # SIOCGIFCONF
print(names.tobytes()[:16].rstrip(bytes(1)).decode(), length > 40)
"""
    assert await source.tell(then) == "no netlink\nlo True"


BURYING = """
import os, signal, snapshot
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whatever ends is buried at once
def become(output, telemetry, channel):
    import _socket
    _socket.socket(fileno=channel).send(b'ready')
    os._exit(0)
snapshot._become_copy = become
"""


async def test_a_copy_that_is_buried_at_once_is_mistaken_for_nobody(source):
    await source.start(BURYING)
    for _ in range(5):
        with pytest.raises((SandboxStartFailed, OSError)):
            await source.restore("")
