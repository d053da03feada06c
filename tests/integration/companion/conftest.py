"""The companion as its own process, and a stand-in for the server that it hands events to."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import boto3
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = "123456789012"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:allowed"
FORBIDDEN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:forbidden"
SECRET = "nobody else knows"


@dataclass
class Server:
    """Takes events for all functions but FORBIDDEN, and tells tests of them."""

    calls: queue.Queue[dict[str, Any]] = field(default_factory=queue.Queue)
    secrets: set[str] = field(default_factory=set)
    answers: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)  # by mode

    def answer(self, authorization: str, body: bytes) -> tuple[int, dict[str, Any]]:
        call = json.loads(body)
        self.secrets.add(authorization)
        self.calls.put(call)
        if call["function_arn"] == FORBIDDEN:
            return 400, {"code": "AccessDeniedException", "message": "no policy allows it"}
        return self.answers.get(call["mode"], (202, {"request_id": "r"}))

    def next_call(self) -> dict[str, Any]:
        return self.calls.get(timeout=30)

    def next_event(self) -> Any:
        return json.loads(self.next_call()["payload"])


@dataclass
class Companion:
    url: str
    server: Server

    def client(self, service: str, account_id: str = ACCOUNT) -> Any:
        client = boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="test",
        )

        def name_account(params: dict[str, Any], **_rest: Any) -> None:
            params["headers"]["x-moto-account-id"] = account_id

        client.meta.events.register("before-call", name_account)
        return client


@pytest.fixture(scope="module")
def running() -> Iterator[Companion]:
    server = Server()
    # An hour of a schedule's passes in a second.
    with (
        _listening(server) as endpoint,
        started(endpoint=endpoint, secret=SECRET, time_factor=3600) as url,
    ):
        yield Companion(url, server)


@pytest.fixture
def companion(running: Companion) -> Companion:
    """With nothing in it."""
    with contextlib.suppress(queue.Empty):
        while True:
            running.server.calls.get_nowait()
    running.server.answers.clear()
    return running


@contextlib.contextmanager
def _listening(server: Server) -> Iterator[str]:
    class Listener(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(200, {"FunctionName": "allowed"})  # GetFunctionConfiguration

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self._send(*server.answer(self.headers["authorization"], body))

        def _send(self, status: int, document: dict[str, Any]) -> None:
            text = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listener.server_port}"
        listener.shutdown()


@contextlib.contextmanager
def started(**told: Any) -> Iterator[str]:
    """The URL of a companion that was told that."""
    with subprocess.Popen(
        [sys.executable, "-m", "lambent.companion"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(told) + "\n")
            process.stdin.flush()
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
