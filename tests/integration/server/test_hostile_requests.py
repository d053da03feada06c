"""What two readers could take for different requests is none, on a real server's connections."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest
from tests.support.server import running_server

from lambent.protocol.http_head import refusal

HOST = b"Host: a\r\n"
POST = b"POST /health HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
# What would be answered, too, if the head or body before it ended where it should not.
SMUGGLED = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("hostile") / "data") as server:
        parts = urlsplit(server.url)
        yield parts.hostname, parts.port


def say(address, *pieces):
    """All that is answered until the server ends the connection."""
    with socket.create_connection(address, timeout=30) as connection:
        for piece in pieces:
            connection.sendall(piece)
        answer = b""
        while more := connection.recv(65536):
            answer += more
        return answer


def head(*lines, target=b"/health", method=b"GET", version=b"HTTP/1.1"):
    return b"\r\n".join([b" ".join([method, target, version]), *lines, b"", b""])


LENGTHS = {
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
    "two equal lengths": POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "a list of lengths": POST + b"Content-Length: 0, 0\r\n\r\n",
    "a signed length": POST + b"Content-Length: +0\r\n\r\n",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "a hexadecimal length": POST + b"Content-Length: 0x0\r\n\r\n",
    "two numbers": POST + b"Content-Length: 0 5\r\n\r\n",
    "no number": POST + b"Content-Length:\r\n\r\n",
    "a length beyond 64 bits": POST + b"Content-Length: 18446744073709551616\r\n\r\n",
    "length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
}
ENCODINGS = {
    value.decode("latin-1"): POST + b"Transfer-Encoding: " + value + b"\r\n\r\n0\r\n\r\n"
    for value in (
        *(b"gzip", b"gzip, chunked", b"chunked, gzip", b"identity", b"xchunked", b"chunkedx"),
        *(b'"chunked"', b"chunked;a=b", b"\x0bchunked", b"chunked\x00", b"", b", chunked"),
        *(b"chunked\r\nTransfer-Encoding: chunked", b"gzip\r\nTransfer-Encoding: chunked"),
    )
} | {"chunks in HTTP/1.0": head(b"Transfer-Encoding: chunked", version=b"HTTP/1.0") + b"0\r\n\r\n"}
CHUNKS = {
    size.decode("latin-1"): CHUNKED + size + b"\r\nabcde\r\n0\r\n\r\n"
    for size in (
        *(b"0x5", b"-5", b"+5", b"5 ", b" 5", b"", b"g", b"5_0", b"fffffffffffffffff", b"5;a\nb"),
        *(b"5;", b"5 ;a", b"5;a\rb", b"5;a\x00", b'5;a="\n"', b"5\n", b"5\rX", b"4", b"6"),
    )
} | {
    "data ended by LF": CHUNKED + b"5\r\nabcde\n0\r\n\r\n",
    "data without an end": CHUNKED + b"5\r\nabcde0\r\n\r\n",
    "last chunk ended by LF": CHUNKED + b"0\n\n",
    "trailers ended by LF": CHUNKED + b"0\r\n\n",
    "a folded trailer": CHUNKED + b"0\r\nX: a\r\n b\r\n\r\n",
    "a trailer with a line feed": CHUNKED + b"0\r\nX: a\nY: b\r\n\r\n",
    "a length in the trailers": CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n",
    "an encoding in the trailers": CHUNKED + b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
}
LINES = {
    name.decode("latin-1"): head(HOST[:-2], name)
    for name in (
        *(b"X: a\r\n b", b"X: a\r\n\tb", b"X:\r\n a", b"X: a\r\n ", b"X: a\nY: b", b"X: a\rY: b"),
        *(b"X: a\r", b"X: a\0b", b"X: a\x01", b"X: a\x7f", b"X\0: a", b"X : a", b"X\t: a", b": a"),
        *(b"X", b"X\xe9: a", b"X(y): a", b"Content-Length : 0", b"Transfer-Encoding : chunked"),
        *(b"Authorization: a\r\nAuthorization: b",),
    )
} | {
    "first line folded": b"GET /health HTTP/1.1\r\n " + HOST + b"\r\n",
    "all lines ended by LF": b"GET /health HTTP/1.1\nHost: a\n\n",
    "request line ended by LF": b"GET /health HTTP/1.1\n" + HOST + b"\r\n",
    "head ended by LF": b"GET /health HTTP/1.1\r\n" + HOST + b"\n",
}
HOSTS = {
    "none": head(),
    "none, but a target's": head(target=b"http://a/health"),
    "two": head(b"Host: a", b"Host: b"),
    "two equal": head(b"Host: a", b"host: a"),
    "another than the target's": head(b"Host: a", target=b"http://b/health"),
    "another port than the target's": head(b"Host: a", target=b"http://a:81/health"),
    "a user in the target": head(b"Host: a", target=b"http://u@a/health"),
    "the target's in the user": head(b"Host: b", target=b"http://a@b/health"),
} | {
    f"Host {value!r}": head(b"Host: " + value)
    for value in (
        *(b"", b"a b", b"a, b", b"a/b", b"a@b", b"a#b", b"a\\b", b"a:b", b"a:1:1", b"::1", b"[::1"),
        *(b"a%2eb", b"\xe9", b"a\tb", b"a" * 300, b'"a"', b"a:123456"),
    )
}
REQUEST_LINES = {
    "a space in the target": head(b"Host: a", target=b"/a b"),
    "a tab in the target": head(b"Host: a", target=b"/a\tb"),
    "a null in the target": head(b"Host: a", target=b"/a\0b"),
    "bytes beyond ASCII": head(b"Host: a", target=b"/\xff"),
    "a fragment": head(b"Host: a", target=b"/a#b"),
    "no slash": head(b"Host: a", target=b"health"),
    "another scheme": head(b"Host: a", target=b"ftp://a/health"),
    "no authority": head(b"Host: a", target=b"http:///health"),
    "an asterisk": head(b"Host: a", target=b"*"),
    "a tunnel": head(b"Host: a:80", target=b"a:80", method=b"CONNECT"),
    "small letters": head(b"Host: a", method=b"get"),
    "no method": head(b"Host: a", method=b""),
    "an unknown method": head(b"Host: a", method=b"SMUGGLE"),
    "no version": b"GET /health\r\n\r\n",
    **{
        version.decode(): head(b"Host: a", version=version)
        for version in (b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/1.10", b"http/1.1", b"HTTP")
    },
    "HTTP/2 from the start": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}
TABLE = {
    f"{kind}: {name}": request
    for kind, requests in (
        ("length", LENGTHS),
        ("transfer encoding", ENCODINGS),
        ("chunk", CHUNKS),
        ("line", LINES),
        ("host", HOSTS),
        ("request line", REQUEST_LINES),
    )
    for name, request in requests.items()
}


@pytest.mark.parametrize("request_", TABLE.values(), ids=TABLE.keys())
def test_it_is_refused_with_all_that_follows_it(address, request_):
    answer = say(address, request_ + SMUGGLED)
    assert answer == refusal(400)


@pytest.mark.parametrize("name", ["length: two lengths", "line: X: a\r\n b", "host: two"])
def test_it_makes_no_difference_how_it_comes(address, name):
    with socket.create_connection(address, timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in TABLE[name]:
            connection.sendall(bytes([byte]))
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")


def test_what_came_before_it_is_answered(address):
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall(SMUGGLED)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(HOSTS["two"] + SMUGGLED)
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")
        assert connection.recv(65536) == b""


@pytest.mark.parametrize(
    "pieces",
    [
        [b"GET /", b"a" * 1_500_000],
        [b"GET / HTTP/1.1\r\nHost: a\r\nX: ", b"a" * 1_500_000],
        [b"GET / HTTP/1.1\r\nHost: a\r\n", b"x" * 1_500_000],
        [b"GET / HTTP/1.1\r\nHost: a\r\n", b"X: a\r\n" * 20_000],
        [CHUNKED, b"5;", b"a" * 1_500_000],
        [CHUNKED, b"0\r\nX: ", b"a" * 1_500_000],
    ],
    ids=["target", "value", "name", "fields", "chunk extension", "trailer"],
)
def test_a_head_that_does_not_end_is_refused(address, pieces):
    """In time for its sender to read why: it is still at it."""
    answer = say(address, *pieces)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert answer.count(b"HTTP/") == 1


def test_sound_requests_are_answered_as_ever(address):
    requests = [
        SMUGGLED,
        head(b"Host: a", target=b"http://A:80/health"),
        head(b"Host: [::1]:9000", b"X: a", b"X: b", b"Cookie: a=1", b"Cookie: b=2"),
        CHUNKED + b'5;a="b;c"\r\nabcde\r\n0\r\nX: y\r\n\r\n',
        head(version=b"HTTP/1.0"),
    ]
    answers = say(address, b"".join(requests))
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == answers.count(b"HTTP/1.1 ") == len(requests)
