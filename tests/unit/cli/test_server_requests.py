from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from lambent.cli.api_commands import NotRun
from lambent.cli.server_requests import Refusal, ask


class Answering(BaseHTTPRequestHandler):
    """Answers what the path says: a status, and whether there is a message."""

    def do_GET(self):
        _, status, content = self.path.split("/")
        self._send(int(status), content.encode())

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._send(200, json.dumps([self.headers["Content-Type"], body]).encode())

    def _send(self, status, content):
        named = {b"document": b'{"a": 1}', b"message": b'{"Message": "not so"}', b"list": b"[]"}
        content = named.get(content, content)
        if self.command == "POST":
            content = b'{"got": %s}' % content
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def url():
    with HTTPServer(("127.0.0.1", 0), Answering) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()
        thread.join()


def test_the_answer_is_a_document(url):
    assert ask(url, "/200/document") == {"a": 1}


def test_a_body_is_posted_as_json(url):
    assert ask(url, "/", {"ids": ["1"]}) == {"got": ["application/json", {"ids": ["1"]}]}


def test_what_the_server_refuses_is_told_in_its_words(url):
    with pytest.raises(Refusal, match="not so") as caught:
        ask(url, "/404/message")
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("path", ["/404/text", "/200/text", "/200/list", "/500/list"])
def test_another_server_is_told_apart(url, path):
    with pytest.raises(NotRun, match="Is a Lambent server running"):
        ask(url, path)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "file:///etc/passwd", "nonsense"])
def test_where_there_is_no_server_is_said_so(url):
    with pytest.raises(NotRun, match="lambent serve"):
        ask(url, "/")
