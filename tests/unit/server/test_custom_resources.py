"""Where functions answer for custom resources."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from lambent.aws.credentials import IssuedCredentials, new_credentials
from lambent.domain.errors import ServiceError
from lambent.protocol.http import HttpRequest, HttpResponse
from lambent.server import custom_resources
from lambent.server.connection_bounds import Places
from lambent.server.custom_resources import Asked, CustomResourceResponses, is_response
from lambent.server.sandbox_door import SandboxDoor, held_of

ASKED = Asked(
    account_id="123456789012",
    region="eu-west-1",
    stack_id="arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/1",
    logical_id="Thing",
)
OWN = new_credentials()  # of the function that answers
ENDPOINT = "http://127.0.0.1:9000"


@dataclass
class World:
    """The responses behind the door of the sandboxes."""

    issued: IssuedCredentials = field(default_factory=IssuedCredentials)

    def __post_init__(self) -> None:
        self.now = datetime.now(UTC)
        self.responses = CustomResourceResponses(self.issued, ENDPOINT, lambda: self.now)
        policies: Any = None
        gateway: Any = self  # as far as the door needs it here
        self.door = SandboxDoor(gateway, self.issued, policies, [OWN], Places(limit=1))

    async def answer_signed(
        self, request: HttpRequest, caller: Any, signed_for: str | None
    ) -> HttpResponse:
        assert (caller.account_id, signed_for) == ("123456789012", "s3")
        return self.responses.answer(request, "r")

    def is_operators(self, service: str) -> bool:
        return False

    async def send(self, url: str, body: bytes = b"{}", method: str = "PUT") -> int:
        return (await self.door(request_to(url, body, method))).status


def request_to(url: str, body: bytes = b"{}", method: str = "PUT") -> HttpRequest:
    parts = urlsplit(url)
    return HttpRequest(
        method=method, path=parts.path, query=parts.query, headers={"host": parts.netloc}, body=body
    )


@pytest.fixture
def world() -> World:
    return World()


async def test_a_response_comes_to_who_waits(world: World) -> None:
    url, path = world.responses.open(ASKED)
    assert url.startswith(f"{ENDPOINT}/cloudformation-custom-resource-response-euwest1/arn%3Aaws")
    assert is_response(urlsplit(url).path)
    assert await world.send(url, b'{"Status": "SUCCESS"}') == 200
    assert await world.responses.wait(path, 1) == '{"Status": "SUCCESS"}'


async def test_the_first_response_counts(world: World) -> None:
    url, path = world.responses.open(ASKED)
    assert [await world.send(url, each) for each in (b"one", b"two")] == [200, 200]
    assert await world.responses.wait(path, 1) == "one"


async def test_no_response_in_time_is_none(world: World) -> None:
    _, path = world.responses.open(ASKED)
    assert await world.responses.wait(path, 0) is None
    with pytest.raises(ServiceError):
        await world.responses.wait("another", 0)


async def test_a_url_is_good_for_one_put_of_one_object(world: World) -> None:
    url, path = world.responses.open(ASKED)
    other, _ = world.responses.open(ASKED)
    elsewhere = f"{ENDPOINT}{urlsplit(other).path}?{urlsplit(url).query}"
    assert await world.send(elsewhere) == 403
    assert await world.send(url.replace("/arn%3A", "/../bucket/arn%3A")) == 403
    assert await world.send(url, method="GET") == 403
    assert await world.send(url.partition("?")[0]) == 403
    assert await world.responses.wait(path, 0) is None


async def test_a_response_is_small_and_held_as_a_whole(world: World) -> None:
    url, _ = world.responses.open(ASKED)
    nobody: Any = None
    assert held_of(nobody, request_to(url)) is None
    assert await world.send(url, b"x" * 4097) == 400


async def test_only_so_many_urls_are_good(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custom_resources, "_MOST_URLS", 2)
    urls = [world.responses.open(ASKED)[0] for _ in range(3)]
    assert [await world.send(each) for each in urls] == [403, 200, 200]


async def test_what_is_good_no_longer_is_forgotten(world: World) -> None:
    world.now -= timedelta(hours=2)
    url, path = world.responses.open(ASKED)
    assert await world.send(url) == 403
    world.now += timedelta(hours=2)
    world.responses.open(ASKED)
    with pytest.raises(ServiceError):
        await world.responses.wait(path, 0)
