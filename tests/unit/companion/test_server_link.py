"""What the companion knows of the server."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from lambent.companion.server_link import ServerLink


def test_the_secret_is_in_no_representation() -> None:
    assert "whisper" not in repr(ServerLink(url="http://127.0.0.1:1", secret="whisper"))


class Pool:
    """Answers as the server does: nothing in the first turn, then a response."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def request(self, _method: str, _url: str, *, body: bytes, **_options: Any) -> Any:
        self.asked.append(json.loads(body))
        response = None if len(self.asked) == 1 else "{}"
        return SimpleNamespace(status=200, json=lambda: {"response": response})


def test_a_response_is_waited_for_in_turns() -> None:
    pool: Any = Pool()
    link = ServerLink(url="http://127.0.0.1:1", secret="", pool=pool)
    assert link.await_response("/path", 3600) == "{}"
    assert [each["path"] for each in pool.asked] == ["/path", "/path"]
    assert max(each["seconds"] for each in pool.asked) < 10


def test_a_wait_that_is_over_asks_no_more() -> None:
    pool: Any = Pool()
    link = ServerLink(url="http://127.0.0.1:1", secret="", pool=pool)
    assert link.await_response("/path", 0) is None
    assert pool.asked == []
