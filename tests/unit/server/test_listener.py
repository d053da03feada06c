from __future__ import annotations

import asyncio
import signal

import pytest

from lambent.server.listener import AddressInUse, bind, make_listener


async def application(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def test_a_free_port_is_taken_for_port_0():
    with bind("127.0.0.1", 0) as bound:
        host, port = bound.getsockname()
        assert (host, port > 0) == ("127.0.0.1", True)
        assert not bound.getblocking()


def test_an_address_that_somebody_has_is_refused_with_advice():
    with bind("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        with pytest.raises(AddressInUse) as caught:
            bind("127.0.0.1", port)
    assert str(caught.value) == (
        f"cannot listen on 127.0.0.1:{port}: Address already in use. "
        "Another server may have it: choose another with --port."
    )


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example", "192.0.2.1"])
def test_a_host_that_is_not_ours_is_refused(host):
    with pytest.raises(AddressInUse, match=r"cannot listen on"):
        bind(host, 0)


async def test_it_serves_until_it_is_told_to_stop_and_leaves_signals_alone():
    handler = signal.getsignal(signal.SIGTERM)
    with bind("127.0.0.1", 0) as bound:
        listener = make_listener(application, drain_seconds=1)
        serving = asyncio.create_task(listener.serve(sockets=[bound]))
        reader, writer = await asyncio.open_connection(*bound.getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        assert signal.getsignal(signal.SIGTERM) == handler
        listener.should_exit = True
        await serving
        writer.close()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"5\r\nhello\r\n0\r\n\r\n")
    assert b"server:" not in answer.lower()
