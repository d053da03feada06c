"""Our Python transport against a server that answers as awkwardly as HTTP allows."""

from __future__ import annotations

import importlib.util
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

import lambent

SOURCE = Path(lambent.__file__).parent / "runtimes/python/runtime_client.py"
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    b"Lambda-Runtime-Aws-Request-Id: abc\r\nlambda-runtime-deadline-ms: 1500\r\n"
    b'Lambda-Runtime-Client-Context: {"a": "\xc3\xa9"}\r\n'
)
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nOK"


@pytest.fixture
def serve(monkeypatch):
    """A transport whose server gives each connection the next list of answers, in pieces."""
    listener = socket.create_server(("127.0.0.1", 0))
    requests: list[bytes] = []
    threads: list[threading.Thread] = []
    modules: list[Any] = []

    def run(connections):
        for answers in connections:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection:
                for pieces in answers:
                    requests.append(_read_request(connection))
                    for piece in pieces:
                        connection.sendall(piece)

    def begin(*connections):
        thread = threading.Thread(target=run, args=(connections,), daemon=True)
        thread.start()
        threads.append(thread)
        monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", f"127.0.0.1:{listener.getsockname()[1]}")
        spec = importlib.util.spec_from_file_location("transport_under_test", SOURCE)
        assert spec is not None
        assert spec.loader is not None
        module: Any = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.initialize_client("agent/1")
        modules.append(module)
        return module, requests

    yield begin
    for module in modules:
        module._connection._close()
    listener.close()
    for thread in threads:
        thread.join(5)


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            while len(body) < int(line.partition(b":")[2]):
                body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def bytewise(answer: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in answer]


def test_an_answer_may_come_byte_by_byte(serve):
    answer = HEAD + b'Content-Length: 7\r\n\r\n"hello"'
    client, _ = serve([bytewise(answer)])
    body, headers = client.next()
    assert body == b'"hello"'
    assert headers["Lambda-Runtime-Aws-Request-Id"] == "abc"
    assert headers["Lambda-Runtime-Deadline-Ms"] == 1500
    assert headers["Lambda-Runtime-Client-Context"] == '{"a": "é"}'
    assert headers["Lambda-Runtime-Cognito-Identity"] is None
    assert headers["Content-Type"] == "application/json"


def test_an_event_of_six_megabytes_arrives_whole(serve):
    event = bytes(range(256)) * 24576
    client, _ = serve([[HEAD + b"Content-Length: %d\r\n\r\n" % len(event), event]])
    body, _ = client.next()
    assert type(body) is bytes
    assert body == event


def test_an_empty_event_is_empty(serve):
    client, _ = serve([[HEAD + b"Content-Length: 0\r\n\r\n"]])
    assert client.next()[0] == b""


def test_a_response_is_one_request_on_the_same_connection(serve):
    client, requests = serve([[HEAD + b"Content-Length: 2\r\n\r\n{}"], [ACCEPTED], [ACCEPTED]])
    client.next()
    client.post_invocation_result("abc", b"\x00\xff", "application/unknown", "echo-1")
    client.post_error("def", '{"errorType": "é"}', '{"a":\n1}')
    address = client._connection._common.split("\r\n")[0].encode()
    assert requests == [
        b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n"
        + address
        + b"\r\nUser-Agent: agent/1\r\n\r\n",
        b"POST /2018-06-01/runtime/invocation/abc/response HTTP/1.1\r\n"
        + address
        + b"\r\nUser-Agent: agent/1\r\nContent-Type: application/unknown\r\nContent-Length: 2\r\n"
        b"lambda-runtime-invocation-id: echo-1\r\n\r\n\x00\xff",
        b"POST /2018-06-01/runtime/invocation/def/error HTTP/1.1\r\n"
        + address
        + b"\r\nUser-Agent: agent/1\r\nContent-Type: application/json\r\nContent-Length: 19\r\n"
        b'lambda-runtime-function-xray-error-cause: {"a": 1}\r\n\r\n{"errorType": "\xc3\xa9"}',
    ]


def test_a_kept_connection_that_was_closed_is_made_again(serve):
    event = HEAD + b"Content-Length: 1\r\n\r\n"
    client, requests = serve([[event + b"1"]], [[event + b"2"]])
    assert client.next()[0] == b"1"
    assert client.next()[0] == b"2"
    assert len(requests) == 2


def test_a_connection_the_server_says_it_closes_is_not_used_again(serve):
    event = HEAD + b"Connection: close\r\nContent-Length: 1\r\n\r\n"
    client, _ = serve([[event + b"1"]], [[event + b"2"]])
    assert client.next()[0] == b"1"
    assert client._connection._socket is None
    assert client.next()[0] == b"2"


def test_a_new_connection_closed_unanswered_is_an_error(serve):
    client, requests = serve([[]])
    with pytest.raises(RuntimeError, match="unanswered"):
        client.next()
    assert len(requests) == 1


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\nConte", HEAD + b"Content-Length: 9\r\n\r\nhalf"]
)
def test_an_answer_cut_off_is_an_error(serve, answer):
    client, _ = serve([[answer]])
    with pytest.raises(RuntimeError, match="closed the connection"):
        client.next()


def test_a_refusal_is_an_error(serve, capsys):
    refused = b"HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 0\r\n\r\n"
    client, _ = serve([[refused], [refused], [refused]])
    with pytest.raises(RuntimeError, match="next invocation"):
        client.next()
    with pytest.raises(RuntimeError, match="Failed to post invocation response"):
        client.post_invocation_result("abc", b"{}", "application/json")
    with pytest.raises(RuntimeError, match="Failed to post invocation error"):
        client.post_error("abc", "{}", "")
    assert "Http response code: 413." in capsys.readouterr().out
