"""The companion's way in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.aws.credentials import IssuedCredentials
from lambent.domain.errors import ServiceError
from lambent.protocol.http import HttpRequest
from lambent.server import service_door
from lambent.server.custom_resources import CustomResourceResponses
from lambent.server.service_door import PATH, ServiceDoor

SECRET = "told at the start"
CALL = {
    "mode": "event",
    "service": "sns.amazonaws.com",
    "function_arn": "arn:aws:lambda:us-east-1:123456789012:function:greet",
    "source_arn": "arn:aws:sns:us-east-1:123456789012:topic",
    "source_account": "123456789012",
    "payload": '{"a": "ü"}',
    "trace_header": None,
}


async def ask(
    call: dict[str, Any],
    *,
    secret: str = SECRET,
    given: str = SECRET,
    method: str = "POST",
    responses: Any = None,
) -> tuple[int, dict[str, Any]]:
    plane: Any = object()
    request = HttpRequest(
        method=method,
        path=PATH,
        query="",
        headers={"authorization": f"Bearer {given}"} if given else {},
        body=json.dumps(call).encode(),
    )
    response = await ServiceDoor(plane=plane, secret=secret, custom_resources=responses)(request)
    return response.status, json.loads(response.body)


@pytest.fixture
def invoked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was asked of the data plane."""
    seen: list[Any] = []

    async def invoke_for_service(_plane: Any, request: Any) -> str:
        seen.append(request)
        if request.source_arn is None:
            raise ServiceError("AccessDeniedException", "not you")
        if request.source_arn == "broken":
            raise RuntimeError("secret detail")
        return "the request"

    monkeypatch.setattr(service_door, "invoke_for_service", invoke_for_service)
    return seen


async def test_the_companion_gets_an_event_queued(invoked: list[Any]) -> None:
    assert await ask(CALL) == (202, {"request_id": "the request"})
    [request] = invoked
    assert request.payload.decode() == CALL["payload"]
    assert (request.service, request.function_arn) == (CALL["service"], CALL["function_arn"])
    assert (request.source_arn, request.source_account) == (
        CALL["source_arn"],
        CALL["source_account"],
    )


async def test_a_refusal_has_its_code(invoked: list[Any]) -> None:
    answer = await ask(CALL | {"source_arn": None})
    assert answer == (400, {"code": "AccessDeniedException", "message": "not you"})


async def test_a_failure_has_no_details(invoked: list[Any]) -> None:
    status, document = await ask(CALL | {"source_arn": "broken"})
    assert (status, document["code"]) == (500, "ServiceException")
    assert "secret" not in str(document)


@pytest.mark.parametrize(
    "given", [{"given": ""}, {"given": "guess"}, {"given": "ü"}, {"method": "GET"}]
)
async def test_nobody_else_gets_in(invoked: list[Any], given: dict[str, str]) -> None:
    assert (await ask(CALL, **given))[0] == 404
    assert not invoked


async def test_without_a_companion_nobody_gets_in(invoked: list[Any]) -> None:
    assert (await ask(CALL, secret="", given=""))[0] == 404
    assert not invoked


def test_the_secret_is_in_no_representation() -> None:
    plane: Any = object()
    assert SECRET not in repr(ServiceDoor(plane=plane, secret=SECRET, custom_resources=plane))


async def test_the_companion_gets_a_url_for_a_response_and_the_response() -> None:
    responses = CustomResourceResponses(IssuedCredentials(), "http://127.0.0.1:9000")
    asked = {"account_id": "123456789012", "region": "us-east-1", "stack_id": "s"}
    call = {"mode": "open-response", **asked, "logical_id": "l"}
    status, opened = await ask(call, responses=responses)
    assert (status, opened["url"].startswith("http://127.0.0.1:9000/")) == (200, True)
    wait = {"mode": "await-response", "path": opened["path"], "seconds": 0}
    assert await ask(wait, responses=responses) == (200, {"response": None})
    path = opened["url"].removeprefix("http://127.0.0.1:9000").partition("?")[0]
    put = HttpRequest(method="PUT", path=path, query="", headers={}, body=b"{}")
    responses.answer(put, "r")
    assert await ask(wait, responses=responses) == (200, {"response": "{}"})
    unknown = await ask(wait | {"path": "/none"}, responses=responses)
    assert unknown[1]["code"] == "ResourceNotFoundException"
