from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from click.testing import CliRunner

from lambent.cli import environment_commands
from lambent.cli.environment_commands import ps, top

MIB = 1024 * 1024


def listed(**changes):
    return {
        "id": "abc",
        "account_id": "000000000000",
        "region": "us-east-1",
        "function": "greet",
        "version": "$LATEST",
        "kind": "on-demand",
        "state": "ready",
        "created_ms": int((time.time() - 125) * 1000),
        "invocations": 3,
        "memory_used_bytes": 15 * MIB,
        "memory_limit_bytes": 128 * MIB,
        **changes,
    }


class Server(HTTPServer):
    """Answers each request with the next document, and remembers its path."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answering)
        self.paths: list[str] = []
        self.documents: list[Any] = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Answering(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        self.server.paths.append(self.path)
        body = json.dumps(self.server.documents.pop(0)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def run(command, server, *arguments, **options):
    return CliRunner().invoke(command, [*arguments, "--endpoint-url", server.url], **options)


def test_environments_are_shown_in_a_table(server):
    later = listed(function="zebra", id="z", state="frozen", memory_used_bytes=None)
    server.documents = [{"environments": [later, listed()]}]
    result = run(ps, server)
    assert (result.exit_code, server.paths) == (0, ["/_lambent/environments"])
    header, first, second = (line.split("  ") for line in result.output.splitlines())
    assert [cell.strip() for cell in header if cell] == list(environment_commands._HEADER)
    assert [cell.strip() for cell in first if cell] == [
        "greet",
        "$LATEST",
        "ready",
        "2m05s",
        "15/128 MB",
        "3",
        "on-demand",
        "abc",
    ]
    assert second[0] == "zebra"
    assert "?/128 MB" in "".join(second)


@pytest.mark.parametrize("command", [ps, top])
def test_accounts_and_regions_are_told_apart_where_there_are_several(server, command):
    far = listed(region="eu-west-1", function="a")
    server.documents = [{"environments": [far, listed(function="b")]}]
    *_, header, first, second = run(command, server).output.splitlines()
    assert header.split("FUNCTION")[0].split()[-2:] == ["ACCOUNT", "REGION"]
    owned = {tuple(line.split("$LATEST")[0].split()[-3:]) for line in (first, second)}
    assert owned == {("000000000000", "eu-west-1", "a"), ("000000000000", "us-east-1", "b")}


def test_a_connection_that_fails_is_told_in_words():
    result = CliRunner().invoke(ps, ["--endpoint-url", "http://127.0.0.1:1"])
    assert "Connection refused\nIs a Lambent server running at" in result.output
    assert "Errno" not in result.output


def test_without_environments_there_is_a_header(server):
    server.documents = [{"environments": []}]
    assert run(ps, server).output.startswith("FUNCTION")


def test_one_function_is_asked_for(server):
    server.documents = [{"environments": []}]
    run(ps, server, "--function", "a b")
    assert server.paths == ["/_lambent/environments?function=a+b"]


def test_programs_get_what_the_server_said(server):
    document = [listed(), listed(id="other")]
    server.documents = [{"environments": document}]
    assert json.loads(run(ps, server, "--json").output) == document


@pytest.mark.parametrize("command", [ps, top])
@pytest.mark.parametrize("answer", [[], {}, "text", {"other": 1}])
def test_an_answer_that_is_none_of_ours_is_refused(server, command, answer):
    server.documents = [answer]
    result = run(command, server)
    assert result.exit_code == 2
    assert "Is a Lambent server running" in result.output


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "file:///etc/passwd", "nonsense", ""])
def test_no_server_is_told_with_status_2(url):
    result = CliRunner().invoke(ps, ["--endpoint-url", url])
    assert result.exit_code == 2
    assert "lambent serve" in result.output


def test_top_without_a_terminal_looks_once(server):
    server.documents = [
        {"environments": [listed(invocations=1, id="quiet"), listed(invocations=9, state="frozen")]}
    ]
    result = run(top, server)
    assert result.exit_code == 0
    summary, _, _, busiest, _ = result.output.splitlines()
    assert summary == "2 environments, 1 frozen, 1 ready, 30 MB in use"
    assert busiest.endswith("abc")
    assert "\x1b" not in result.output


def test_top_on_a_terminal_looks_again_and_tells_rates(server, monkeypatch):
    server.documents = [
        {"environments": [listed(invocations=100, id="quiet"), listed(invocations=3)]},
        {"environments": [listed(invocations=100, id="quiet"), listed(invocations=13)]},
    ]
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        if len(pauses) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", pause)
    monkeypatch.setattr(environment_commands, "_is_terminal", lambda: True)
    result = run(top, server, "--interval", "5", color=True)
    assert pauses == [5.0, 5.0]
    looks = result.output.split(environment_commands._CLEAR)[1:]
    assert len(looks) == 2
    assert looks[0].splitlines()[3].endswith("quiet")
    assert "2.0 invocations a second" in looks[1]
    busiest = looks[1].splitlines()[3]
    assert busiest.startswith("2.0 ")
    assert busiest.endswith("abc")


def test_top_shows_what_fits_on_the_screen(server, monkeypatch):
    server.documents = [{"environments": [listed(id=str(number)) for number in range(100)]}]

    def stop(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", stop)
    monkeypatch.setattr(environment_commands, "_is_terminal", lambda: True)
    monkeypatch.setenv("LINES", "20")
    shown, _, _ = run(top, server).output.partition("\nAborted!")
    assert len(shown.splitlines()) == 19
