"""Whatever bytes arrive at the public listener, it answers without a 500, and goes on."""

from __future__ import annotations

import contextlib
import http.client
import socket
from urllib.parse import urlsplit

from hypothesis import HealthCheck, given, settings, strategies as st

FUZZED = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PATHS = st.one_of(
    st.sampled_from(
        [
            "/2015-03-31/functions",
            "/2015-03-31/functions/",
            "/2015-03-31/functions/name/invocations",
            "/2015-03-31/functions/%00/invocations",
            "/2021-10-31/functions/a%2Fb/url",
            "/2017-03-31/tags/arn%3Aaws%3Alambda",
            "/_lambent/code/x",
            "/",
            "/health",
        ]
    ),
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"], exclude_characters=" "))
    .filter(lambda text: "\x7f" not in text)
    .map(lambda text: f"/{text}"),
)
BODIES = st.one_of(
    st.binary(max_size=300),
    st.sampled_from([b"{}", b"[]", b"null", b'{"a":', b"[" * 5000, b'{"FunctionName":{"a":1}}']),
)
TARGETS = st.sampled_from(
    ["Logs_20140328.PutLogEvents", "Logs_20140328.Nothing", "Logs_20140328.", "x", ""]
)


def exchange(url: str, request: bytes) -> bytes:
    """The first bytes of what the server answers to raw bytes, after the client's end."""
    address = urlsplit(url)
    assert address.hostname is not None
    with socket.create_connection((address.hostname, address.port or 0), timeout=10) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            return connection.recv(4096)
    return b""


def assert_healthy(url: str) -> None:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    connection.request("GET", "/health")
    assert connection.getresponse().status == 200
    connection.close()


@FUZZED
@given(data=st.binary(max_size=2000))
def test_any_bytes_are_survived(server, data):
    answer = exchange(server.url, data)
    assert not answer.startswith(b"HTTP/1.1 5")


@FUZZED
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]),
    path=PATHS,
    body=BODIES,
    target=TARGETS,
)
def test_any_request_gets_an_answer_that_is_no_server_error(server, method, path, body, target):
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    if target:
        head += f"X-Amz-Target: {target}\r\n"
    answer = exchange(server.url, f"{head}\r\n".encode() + body)
    assert answer.startswith(b"HTTP/1.1 "), answer
    status = int(answer.split(b" ")[1])
    assert status < 500 or status == 501, answer


def test_the_server_is_healthy_after_all_that(server):
    assert_healthy(server.url)
