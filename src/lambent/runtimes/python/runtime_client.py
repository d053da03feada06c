"""The transport of AWS's Python runtime interface client, in pure Python.

`awslambdaric` imports a module of this name and calls its four functions; its own is written in C++.
This one keeps a single connection, runs on every interpreter without a build, lets signal handlers
run while it waits, and is faster (docs/design.md, D5). It runs inside sandboxes under Python 3.8
and later and depends on nothing but the interpreter.
"""

# The C module below `socket`: what `socket` adds to it costs 3 ms of every cold start.
import _socket
import os
import sys
import time

_INVOCATION = "/2018-06-01/runtime/invocation/"
_RECEIVE_BYTES = 65536
_CONNECT_SECONDS = 1.0
_MAX_HEAD_BYTES = 1024 * 1024
_NAMES = {
    name.lower().encode(): name
    for name in (
        "Lambda-Runtime-Aws-Request-Id",
        "Lambda-Runtime-Trace-Id",
        "Lambda-Runtime-Client-Context",
        "Lambda-Runtime-Cognito-Identity",
        "Lambda-Runtime-Deadline-Ms",
        "Lambda-Runtime-Invoked-Function-Arn",
        "Lambda-Runtime-Aws-Tenant-Id",
        "Lambda-Runtime-Invocation-Id",
        "Content-Type",
    )
}


class _Disconnected(Exception):
    """Raised when the server closed a kept connection before it answered anything."""


class _Connection:
    """One HTTP/1.1 connection to the Runtime API, made when first needed."""

    def __init__(self, address, user_agent):
        host, _, port = address.rpartition(":")
        self._address = (host, int(port))
        self._common = f"Host: {address}\r\nUser-Agent: {user_agent}\r\n"
        self._socket = None

    def request(self, method, path, headers="", body=b""):
        """The answer: its status, its headers (lower-case bytes) and its body."""
        head = f"{method} {path} HTTP/1.1\r\n{self._common}{headers}\r\n".encode()
        data = head + body
        if self._socket is not None:
            try:
                return self._exchange(data)
            except _Disconnected:
                self._close()  # a kept connection may have been closed at any time; try a new one
        self._connect()
        try:
            return self._exchange(data)
        except _Disconnected:
            self._close()
            raise RuntimeError("the Runtime API closed the connection unanswered") from None

    def _exchange(self, data):
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise _Disconnected from error
        try:
            status, headers, body = self._receive()
        except BaseException:
            self._close()  # what is left on it would be taken for the next answer
            raise
        if headers.get(b"connection", b"").lower() == b"close":
            self._close()
        return status, headers, body

    def _connect(self):
        connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        connection.settimeout(_CONNECT_SECONDS)
        connection.connect(self._address)
        connection.settimeout(None)  # the next invocation may be hours away
        connection.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self._socket = connection

    def _close(self):
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _receive(self):
        received = self._receive_some(b"")
        while b"\r\n\r\n" not in received:
            if len(received) > _MAX_HEAD_BYTES:
                raise RuntimeError("the Runtime API answered without an end to its headers")
            received += self._receive_some(received)
        head, _, body = received.partition(b"\r\n\r\n")
        status_line, *lines = head.split(b"\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        length = int(headers.get(b"content-length", 0))
        if len(body) < length:
            body = self._receive_rest(body, length)
        return int(status_line.split(b" ", 2)[1]), headers, body[:length]

    def _receive_some(self, received):
        try:
            data = self._socket.recv(_RECEIVE_BYTES)
        except ConnectionError as error:
            if received:
                raise
            raise _Disconnected from error
        if data:
            return data
        if received:
            raise RuntimeError("the Runtime API closed the connection in the middle of an answer")
        raise _Disconnected

    def _receive_rest(self, body, length):
        whole = bytearray(length)
        whole[: len(body)] = body
        with memoryview(whole) as view:
            filled = len(body)
            while filled < length:
                count = self._socket.recv_into(view[filled:])
                if not count:
                    raise RuntimeError("the Runtime API closed the connection within a body")
                filled += count
        return bytes(whole)


_connection = None


def initialize_client(user_agent):
    global _connection
    _connection = _Connection(os.environ["AWS_LAMBDA_RUNTIME_API"], user_agent)


def disconnect():
    """Close the connection, if there is one; the next request makes another."""
    if _connection is not None:
        _connection._close()


def next():
    """Wait for an invocation: its payload, and its headers under their usual names."""
    status, received, body = _connection.request("GET", _INVOCATION + "next")
    if status != 200:
        raise RuntimeError(f"Failed to get next invocation, Response code: {status}")
    headers = dict.fromkeys(_NAMES.values())
    for name, value in received.items():
        if name in _NAMES:
            headers[_NAMES[name]] = value.decode("utf-8", "replace") or None
    deadline = headers["Lambda-Runtime-Deadline-Ms"]
    headers["Lambda-Runtime-Deadline-Ms"] = int(deadline) if deadline else 0
    return body, headers


def post_invocation_result(invoke_id, response_data, content_type, invocation_id=None):
    status = _post(invoke_id, "response", response_data, content_type, "", invocation_id)
    if not 200 <= status < 300:
        _log(f"Failed to post handler success response. Http response code: {status}.")
        raise RuntimeError("Failed to post invocation response")


def post_error(invoke_id, error_response_data, xray_fault, invocation_id=None):
    # A header holds one line; JSON needs no line break.
    cause = " ".join(xray_fault.splitlines())
    header = f"lambda-runtime-function-xray-error-cause: {cause}\r\n" if cause else ""
    body = error_response_data.encode()
    status = _post(invoke_id, "error", body, "application/json", header, invocation_id)
    if not 200 <= status < 300:
        _log(f"Failed to post handler error response. Http response code: {status}.")
        raise RuntimeError("Failed to post invocation error")


def _post(invoke_id, kind, body, content_type, header, invocation_id):
    if invocation_id:
        header += f"lambda-runtime-invocation-id: {invocation_id}\r\n"
    headers = f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{header}"
    status, _, _ = _connection.request("POST", f"{_INVOCATION}{invoke_id}/{kind}", headers, body)
    return status


def _log(message):
    # The words and the place of AWS's own client.
    sys.stdout.write(f"[ERROR] [{int(time.time() * 1000)}] LAMBDA_RUNTIME {message}\n")
