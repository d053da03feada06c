"""Where a sandbox's network leads, and where it does not."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import subprocess

import pytest

from lambent.sandbox.network import firewall, uplink
from lambent.sandbox.network.router import ROUTER_ADDRESS

_CONNECT = (
    "import socket, sys\n"
    "s = socket.socket(); s.settimeout(5)\n"
    "try:\n"
    "  s.connect((sys.argv[1], int(sys.argv[2]))); print('connected', s.recv(100).decode())\n"
    "except OSError as error: print('refused', error.errno)"
)

needs_uplink = pytest.mark.skipif(
    not (uplink.installed_programs() and firewall.is_available()), reason="needs pasta and nft"
)


async def connect(place, address, port):
    output, _ = await place.run("/usr/bin/python3", "-c", _CONNECT, address, str(port))
    return output.split()


@pytest.fixture
async def host_service():
    """A service on all of the host's addresses."""

    async def greet(reader, writer):
        writer.write(b"host")
        writer.close()

    async with await asyncio.start_server(greet, "0.0.0.0", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_the_listener_is_reached_from_inside_and_only_by_its_own_sandbox(new_place):
    first, second = await new_place(), await new_place()
    loop = asyncio.get_running_loop()
    accepted = asyncio.create_task(loop.sock_accept(first.slot.listener))
    sandbox = await first.start("/usr/bin/python3", "-c", _CONNECT, "127.0.0.1", "9001")
    connection, _ = await accepted
    connection.sendall(b"hello")
    connection.close()
    await sandbox.wait()
    with pytest.raises(BlockingIOError):
        second.slot.listener.accept()
    assert first.slot.api_address == "127.0.0.1:9001"


async def test_a_socket_of_ours_reaches_what_listens_inside(place):
    listening = await place.start(
        "/usr/bin/python3",
        "-c",
        "import socket\n"
        "s = socket.create_server(('127.0.0.1', 8080)); print('ready', flush=True)\n"
        "c, _ = s.accept(); c.sendall(b'hello'); c.close()",
    )
    await place.read_until(listening, b"ready")
    loop = asyncio.get_running_loop()
    with await asyncio.to_thread(place.slot.open_socket) as connection:
        await loop.sock_connect(connection, ("127.0.0.1", 8080))
        assert await loop.sock_recv(connection, 9) == b"hello"


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
async def test_the_hosts_loopback_is_out_of_reach(place, host_service, address):
    assert await connect(place, address, host_service) == ["refused", "111"]


@needs_uplink
async def test_the_hosts_own_addresses_are_out_of_reach(place, host_service):
    for address in firewall.host_addresses():
        assert (await connect(place, address, host_service))[0] == "refused", address


async def test_abstract_unix_sockets_of_the_host_are_out_of_reach(place):
    with socket.socket(socket.AF_UNIX) as service:
        service.bind("\0lambent-test")
        service.listen()
        output = await place.python(
            "import socket\n"
            "try: socket.socket(socket.AF_UNIX).connect('\\0lambent-test'); print('connected')\n"
            "except OSError as error: print(error.errno)"
        )
    assert output == "111\n"


async def test_another_slot_is_out_of_reach(new_place):
    first, second = await new_place(), await new_place()
    address = (await second.sh("ip -4 -o address show dev eth0")).split()[3].partition("/")[0]
    listening = await second.start(
        "/usr/bin/python3",
        "-c",
        "import socket\n"
        "s = socket.create_server(('0.0.0.0', 8000)); print('ready', flush=True); s.accept()",
    )
    await second.read_until(listening, b"ready")
    assert (await connect(first, address, 8000))[0] == "refused"


@pytest.mark.parametrize("address", ["169.254.169.254", "169.254.2.2", "169.254.2.100"])
async def test_link_local_addresses_are_refused_at_once(place, address):
    assert (await connect(place, address, 80))[0] == "refused"


@needs_uplink
async def test_nothing_of_the_router_is_reached(place):
    # By its filter: without it the answer would be ECONNREFUSED, as nothing listens there.
    for port in (22, 53, 9000):
        assert await connect(place, ROUTER_ADDRESS, port) == ["refused", str(errno.EHOSTUNREACH)]


@pytest.fixture
async def places_with_door(tmp_path, open_isolation, make_place):
    """Two whose doors are at the port that is asked for."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(door_port):
            isolation = await stack.enter_async_context(open_isolation(tmp_path, door_port))
            places = [await make_place(isolation) for _ in range(2)]
            for place in places:
                stack.push_async_callback(place.close)
            return places

        yield make


async def test_the_door_is_where_it_was_asked_for_and_each_slot_s_own(places_with_door):
    first, second = await places_with_door(9000)
    assert first.slot.door_address == second.slot.door_address == "127.0.0.1:9000"
    accepted = asyncio.create_task(asyncio.get_running_loop().sock_accept(first.slot.door))
    sandbox = await first.start("/usr/bin/python3", "-c", _CONNECT, "127.0.0.1", "9000")
    connection, _ = await accepted
    connection.sendall(b"hello")
    connection.close()
    assert await first.read_all(sandbox.output) == "connected hello\n"
    with pytest.raises(BlockingIOError):
        second.slot.door.accept()


async def test_where_the_door_has_its_usual_port_the_runtime_api_has_another(places_with_door):
    place, _ = await places_with_door(9001)
    assert place.slot.door_address == "127.0.0.1:9001"
    assert place.slot.api_address == "127.0.0.1:9002"


@pytest.fixture
def outside():
    """A machine beyond this host: a namespace with a service, routed from here."""
    name, host_end, address = "lambent-test", "lambenttest0", "198.51.100.2"
    commands = [
        f"ip netns add {name}",
        f"ip link add {host_end} type veth peer name eth0 netns {name}",
        f"ip address add 198.51.100.1/30 dev {host_end}",
        f"ip link set {host_end} up",
        f"ip -n {name} address add {address}/30 dev eth0",
        f"ip -n {name} link set eth0 up",
    ]
    try:
        for command in commands:
            subprocess.run(command.split(), check=True)
        program = (
            "import socket\n"
            "s = socket.create_server(('0.0.0.0', 8000)); print('ready', flush=True)\n"
            "while True: c, _ = s.accept(); c.sendall(b'outside'); c.close()"
        )
        line = ["ip", "netns", "exec", name, "/usr/bin/python3", "-c", program]
        with subprocess.Popen(line, stdout=subprocess.PIPE) as service:
            assert service.stdout
            assert service.stdout.readline() == b"ready\n"
            yield address
            service.kill()
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            subprocess.run(["ip", "netns", "delete", name], check=True)


@needs_uplink
async def test_the_outside_is_reached(outside, place):
    assert await connect(place, outside, 8000) == ["connected", "outside"]


@needs_uplink
async def test_an_address_the_host_gets_later_is_refused_too(
    place, new_place, outside, host_service
):
    # Each new slot brings the filter up to date.
    for _ in range(10):
        await new_place()
    assert (await connect(place, "198.51.100.1", host_service))[0] == "refused"


def host_network() -> str:
    lines = (["ip", "-o", "link"], ["ip", "netns"])
    return "".join(
        subprocess.run(line, capture_output=True, text=True, check=True).stdout for line in lines
    )


async def test_nothing_changes_on_the_host(place):
    seen = host_network()
    assert not [word for word in ("slot", "tap0", "lambent") if word in seen]
