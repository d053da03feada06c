from __future__ import annotations

import json
import time

import pytest
from click.testing import CliRunner

from lambent.cli import queue_commands
from lambent.cli.queue_commands import queue
from lambent.cli.server_requests import Refusal


def item(**changes):
    return {
        "id": "17",
        "state": "failed",
        "account_id": "000000000000",
        "region": "us-east-1",
        "function": "greet",
        "qualifier": None,
        "request_id": "r",
        "since_ms": int((time.time() - 125) * 1000),
        "due_ms": int((time.time() + 61) * 1000),
        "attempts": 3,
        "condition": "RetriesExhausted",
        "error": '{"errorType":\n"X\x1b[2J"}',
        "target_arn": None,
        **changes,
    }


def counted(count, state="failed", **changes):
    members = ("account_id", "region", "function")
    return {**{name: item()[name] for name in members}, "state": state, "count": count, **changes}


def changed(events, deliveries, not_changed=()):
    return {"events": events, "deliveries": deliveries, "not_changed": dict(not_changed)}


class Server:
    """Answers the next document, and remembers what was asked."""

    def __init__(self):
        self.answers = []
        self.asked = []

    def ask(self, endpoint_url, path, body=None):
        self.asked.append((path, body))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def server(monkeypatch):
    made = Server()
    monkeypatch.setattr(queue_commands, "ask", made.ask)
    return made


def run(*arguments, **options):
    return CliRunner().invoke(queue, arguments, **options)


def listing(*items, counts=None, next_=None):
    return {
        "counts": [counted(len(items))] if counts is None else counts,
        "items": list(items),
        "next": next_,
    }


def test_what_is_there_is_shown_in_a_table(server):
    server.answers = [
        listing(
            item(),
            item(state="waiting", qualifier="live", id="18", condition=None, error=None),
            item(state="undelivered", id="d1", target_arn="arn:aws:sqs:x", error="gone"),
            counts=[counted(1), counted(1, "waiting"), counted(1, "undelivered")],
        )
    ]
    result = run("list")
    assert (result.exit_code, server.asked) == (0, [("/_lambent/queue?limit=100", None)])
    summary, _, header, failed, waiting, undelivered = result.output.splitlines()
    assert summary == "1 waiting, 1 failed, 1 undelivered"
    assert header.split("  ")[0] == "STATE"
    assert [cell.strip() for cell in failed.split("  ") if cell] == [
        "failed",
        "greet",
        "2m05s",
        "-",
        "3",
        "17",
        'RetriesExhausted: {"errorType": "X [2J"}',
    ]
    assert "greet:live" in waiting
    assert "in 1m0" in waiting
    assert undelivered.endswith("d1  arn:aws:sqs:x: gone")


def test_an_empty_queue_is_told(server):
    server.answers = [listing(counts=[])]
    assert run("list").output == "nothing\n"


def test_pages_are_put_together_up_to_the_limit(server):
    server.answers = [
        listing(item(id="1"), counts=[counted(9)], next_="1"),
        listing(item(id="2"), counts=[counted(9)], next_="2"),
    ]
    result = run("list", "--limit", "2", "--function", "greet", "--state", "failed")
    assert "9 failed, of which 2 are shown; see --limit" in result.output
    assert [path for path, _ in server.asked] == [
        "/_lambent/queue?function=greet&state=failed&limit=2",
        "/_lambent/queue?function=greet&state=failed&after=1&limit=1",
    ]


def test_without_a_limit_all_is_shown(server):
    server.answers = [listing(item(), next_="1"), listing(item(id="2"))]
    assert len(json.loads(run("list", "--limit", "0", "--json").output)) == 2


def test_counts_are_shown_by_function_and_owner(server):
    counts = [counted(2), counted(3, "waiting"), counted(4, region="eu-central-1")]
    server.answers = [listing(item(), counts=counts)] * 2
    header, first, second = (line.split() for line in run("list", "--counts").output.splitlines())
    assert header[:4] == ["ACCOUNT", "REGION", "FUNCTION", "WAITING"]
    assert first[1:] == ["eu-central-1", "greet", "0", "0", "4", "0", "0"]
    assert second[1:] == ["us-east-1", "greet", "3", "0", "2", "0", "0"]
    assert json.loads(run("list", "--counts", "--json").output) == counts


def test_an_answer_of_another_server_is_refused(server):
    server.answers = [{"other": 1}]
    result = run("list")
    assert result.exit_code == 2
    assert "Is a Lambent server running" in result.output


def test_one_is_shown_with_what_it_carries(server):
    server.answers = [item(attributes={"a": "b"}, payload={"n": [1]}, payload_encoding="json")] * 2
    result = run("show", "a/b")
    assert server.asked == [("/_lambent/queue/a%2Fb", None)]
    assert "since_ms          2m05s ago" in result.output
    assert "due_ms            in 1m0" in result.output
    assert '\npayload:\n{\n  "n": [\n' in result.output
    assert "\x1b" not in result.output
    assert json.loads(run("show", "17", "--json").output)["payload"] == {"n": [1]}


def test_of_a_long_payload_a_terminal_gets_the_beginning(server, monkeypatch):
    server.answers = [item(payload="x" * 10_000 + "end")] * 3
    assert "end" in run("show", "17").output
    monkeypatch.setattr(queue_commands, "_is_shown_on_terminal", lambda: True)
    cut = run("show", "17").output
    assert cut.endswith("x\n... (10005 characters in all: --payload shows them)\n")
    assert cut.count("x") < 4200
    assert "end" in run("show", "17", "--payload").output


def test_what_is_not_there_is_said_with_status_1(server):
    server.answers = [Refusal("Nothing in the queue is 9")]
    result = run("show", "9")
    assert (result.exit_code, result.output) == (1, "Error: Nothing in the queue is 9\n")


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (["1", "d2"], {"ids": ["1", "d2"]}),
        (["--function", "greet"], {"function": "greet"}),
        (["--all"], {"all": True}),
    ],
)
def test_what_is_named_is_redriven(server, arguments, body):
    server.answers = [changed(1, 1)]
    result = run("redrive", *arguments)
    assert server.asked == [("/_lambent/queue/redrive", body)]
    assert (result.exit_code, result.output) == (0, "1 event and 1 delivery tried again.\n")


def test_what_could_not_be_redriven_makes_the_status_1(server):
    server.answers = [changed(1, 0, {"2": "it is done, or gone", "d3": "it is delivering"})]
    result = run("redrive", "1", "2", "d3")
    assert result.exit_code == 1
    assert result.output == (
        "1 event and 0 deliveries tried again.\n"
        "Error: Not tried again: 2 (it is done, or gone); d3 (it is delivering).\n"
    )


@pytest.mark.parametrize("command", ["redrive", "purge"])
@pytest.mark.parametrize("arguments", [[], ["1", "--all"], ["--all", "--function", "greet"]])
def test_nothing_is_asked_when_it_is_not_clear_what_is_meant(server, command, arguments):
    result = run(command, *arguments)
    assert (result.exit_code, server.asked) == (2, [])


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (["1", "1"], {"ids": ["1"]}),
        (["143", "--state", "failed"], {"ids": ["143"], "state": "failed"}),
        (["--state", "failed"], {"all": True, "state": "failed"}),
        (["--function", "greet", "--state", "waiting"], {"function": "greet", "state": "waiting"}),
    ],
)
def test_what_is_named_is_purged_with_yes(server, arguments, body):
    server.answers = [changed(2, 0)]
    result = run("purge", "--yes", *arguments)
    assert server.asked == [("/_lambent/queue/purge", body)]
    assert (result.exit_code, result.output) == (0, "2 events and 0 deliveries forgotten.\n")


def test_without_a_terminal_a_purge_needs_yes(server):
    result = run("purge", "--all")
    assert (result.exit_code, server.asked) == (2, [])
    assert "--yes" in result.output


@pytest.mark.parametrize(("answer", "is_purged"), [("y\n", True), ("n\n", False)])
def test_on_a_terminal_a_purge_asks_first(server, monkeypatch, answer, is_purged):
    monkeypatch.setattr(queue_commands, "_is_terminal", lambda: True)
    server.answers = [
        listing(item(), counts=[counted(4), counted(1, "running")]),
        changed(4, 0),
    ]
    result = run("purge", "--all", input=answer)
    assert "Forget 4 failed for good?" in result.output
    assert (len(server.asked) == 2) is is_purged
    assert result.exit_code == (0 if is_purged else 1)


def test_named_ones_are_asked_about_too(server, monkeypatch):
    monkeypatch.setattr(queue_commands, "_is_terminal", lambda: True)
    assert "Forget the 2 that you named for good?" in run("purge", "1", "2", input="n\n").output
    assert server.asked == []
