from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.domain.errors import resource_not_found
from lambent.invocation.asynchronous.queue_view import Changed, Meant, Page
from lambent.protocol.http import HttpRequest
from lambent.server.queue_api import PATH, QueueApi

ARN = "arn:aws:lambda:us-east-1:123456789012:function:greet"
JSON = {"content-type": "application/json; charset=utf-8"}
GREET, OTHER = (("123456789012", "us-east-1", name) for name in ("greet", "other"))


class View:
    def __init__(self):
        self.asked: list[Any] = []

    async def counts(self):
        return {(GREET, "failed"): 2, (GREET, "waiting"): 1, (OTHER, "failed"): 5}

    async def page(self, meant, *, after, most):
        if after == "x":
            raise ValueError
        self.asked.append((meant, after, most))
        return Page([{"id": "1"}], "1")

    async def show(self, name):
        if name == "9":
            raise resource_not_found("Nothing in the queue is 9")
        if name == "8":
            raise OSError("secret detail")
        return {"id": name}

    async def redrive(self, meant):
        self.asked.append(("redrive", meant))
        return Changed(2, 1)

    async def purge(self, meant):
        self.asked.append(("purge", meant))
        return Changed(0, 3, {"9": "it is gone"})


@pytest.fixture
def view():
    return View()


@pytest.fixture
def send(view):
    async def send(path, body=None, *, method=None, query="", headers=JSON, **more):
        request = HttpRequest(
            method=method or ("GET" if body is None else "POST"),
            path=f"{PATH}{path}",
            query=query,
            headers=headers,
            body=body if isinstance(body, bytes) else json.dumps(body).encode(),
            **more,
        )
        response = await QueueApi(view)(request)
        return response.status, json.loads(response.body)

    return send


def test_only_its_own_paths_are_served():
    assert QueueApi.serves(PATH)
    assert QueueApi.serves(f"{PATH}/redrive")
    assert not QueueApi.serves(f"{PATH}s")


async def test_a_page_is_listed_with_counts(send, view):
    status, answer = await send("", query="function=greet&state=failed&after=d4&limit=7")
    assert status == 200
    assert (answer["items"], answer["next"]) == ([{"id": "1"}], "1")
    assert [(each["function"], each["count"]) for each in answer["counts"]] == [("greet", 2)]
    assert view.asked == [(Meant(name="greet", state="failed"), "d4", 7)]


async def test_a_function_may_be_named_by_its_arn(send, view):
    await send("", query=f"function={ARN}")
    meant = Meant(account_id="123456789012", region="us-east-1", name="greet")
    assert view.asked == [(meant, None, 100)]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("limit=0", "limit must be from 1 to 1000"),
        ("limit=1001", "limit must be"),
        ("limit=" + "9" * 5000, "limit must be"),
        ("state=lost", "state must be one of waiting"),
        ("function=a:b", "neither the name nor the ARN"),
        ("after=x", "after must be"),
        ("colour=red", "colour: not known"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(send, query, said):
    status, answer = await send("", query=query)
    assert status == 400
    assert said in answer["Message"]


async def test_one_is_shown_by_whatever_it_is_called(send):
    assert await send("/d%204") == (200, {"id": "d 4"})
    status, answer = await send("/9")
    assert (status, answer["Message"]) == (404, "Nothing in the queue is 9")


async def test_a_failure_is_told_without_details(send, caplog):
    status, answer = await send("/8")
    assert status == 500
    assert "secret" not in str(answer)
    assert "secret" in caplog.text


@pytest.mark.parametrize(
    ("body", "meant"),
    [
        ({"ids": ["1", "d2"]}, Meant(ids=["1", "d2"])),
        ({"function": "greet", "state": "failed"}, Meant(name="greet", state="failed")),
        ({"all": True}, Meant()),
    ],
)
@pytest.mark.parametrize("action", ["redrive", "purge"])
async def test_what_is_said_is_redriven_or_purged(send, view, action, body, meant):
    status, answer = await send(f"/{action}", body)
    assert status == 200
    assert answer == (
        {"events": 2, "deliveries": 1, "not_changed": {}}
        if action == "redrive"
        else {"events": 0, "deliveries": 3, "not_changed": {"9": "it is gone"}}
    )
    assert view.asked == [(action, meant)]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff",
        b"[" * 10_000,
        [],
        None,
        {},
        {"state": "failed"},
        {"all": False},
        {"all": True, "function": "greet"},
        {"ids": []},
        {"ids": [1]},
        {"ids": "12"},
        {"ids": ["1"] * 1001},
        {"ids": ["1"], "all": True},
        {"function": ""},
        {"function": 5},
        {"function": f"{ARN}:live"},
        {"all": True, "state": "gone"},
        {"all": True, "state": []},
        {"all": True, "sate": "failed"},
    ],
)
async def test_nothing_is_changed_by_what_is_not_clear(send, view, body):
    status, answer = await send("/purge", body, method="POST")
    assert status == 400
    assert answer["Message"]
    assert view.asked == []


@pytest.mark.parametrize(
    ("path", "more", "status"),
    [
        ("/purge", {"method": "GET"}, 405),
        ("/purge", {"method": "DELETE"}, 405),
        ("/1", {"method": "DELETE"}, 405),
        ("", {"method": "POST"}, 405),
        ("/purge", {"headers": {}}, 415),
        ("/purge", {"headers": {"content-type": "text/plain"}}, 415),
        ("/purge", {"body": b" " * 65_537}, 413),
        ("/purge", {"is_too_large": True}, 413),
    ],
)
async def test_what_is_not_asked_properly_is_refused(send, view, path, more, status):
    given = {"body": {"all": True}, "method": "POST", **more}
    assert (await send(path, **given))[0] == status
    assert view.asked == []
