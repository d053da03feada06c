from __future__ import annotations

from typing import Any

import pytest

from lambent.domain.errors import ServiceError
from lambent.server import log_subscriptions
from lambent.server.log_subscriptions import LogsService

CALL = {
    "function_arn": "arn:aws:lambda:eu-west-1:123456789012:function:subscriber",
    "source_arn": "arn:aws:logs:eu-west-1:123456789012:log-group:g:*",
    "source_account": "123456789012",
}
REGIONAL, GLOBAL = "logs.eu-west-1.amazonaws.com", "logs.amazonaws.com"


@pytest.fixture
def permitted(monkeypatch):
    """The principals that the function's policy lets in, all of them checked on one plane."""
    principals: set[str] = set()

    async def check_service(plane, request):
        assert plane == "plane"
        if request.service not in principals:
            raise ServiceError("AccessDeniedException", request.service)

    monkeypatch.setattr(log_subscriptions, "check_service", check_service)
    return principals


@pytest.fixture
def invoked(monkeypatch):
    requests = []

    async def invoke_for_service(plane, request):
        requests.append(request)
        return "request-id"

    monkeypatch.setattr(log_subscriptions, "invoke_for_service", invoke_for_service)
    return requests


@pytest.fixture
def service():
    plane: Any = "plane"
    return LogsService(plane)


@pytest.mark.parametrize(
    ("principals", "used"),
    [({REGIONAL}, REGIONAL), ({GLOBAL}, GLOBAL), ({REGIONAL, GLOBAL}, REGIONAL)],
)
async def test_either_principal_of_the_service_will_do(
    service, permitted, invoked, principals, used
):
    permitted |= principals
    await service.check(**CALL)
    assert invoked == []
    answer = await service.invoke(**CALL, payload=b"{}", trace_header="Root=1")
    assert answer == "request-id"
    [request] = invoked
    assert (request.service, request.payload, request.trace_header) == (used, b"{}", "Root=1")
    assert (request.function_arn, request.source_arn) == (CALL["function_arn"], CALL["source_arn"])
    assert request.source_account == CALL["source_account"]


async def test_without_permission_nothing_is_invoked(service, permitted, invoked):
    for call in (service.check(**CALL), service.invoke(**CALL, payload=b"", trace_header="")):
        with pytest.raises(ServiceError) as failure:
            await call
        assert failure.value.code == "AccessDeniedException"
    assert invoked == []


async def test_another_failure_is_not_taken_for_a_missing_permission(service, monkeypatch):
    asked = []

    async def check_service(plane, request):
        asked.append(request.service)
        raise ServiceError("ResourceNotFoundException", "no function")

    monkeypatch.setattr(log_subscriptions, "check_service", check_service)
    with pytest.raises(ServiceError, match="no function"):
        await service.check(**CALL)
    assert asked == [REGIONAL]
