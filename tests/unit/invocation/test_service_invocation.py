"""Who of the services gets in, and what is queued for them."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.versions import function_version

from lambent.domain.errors import ServiceError
from lambent.domain.resource_policy import FunctionPolicy
from lambent.invocation.service_invocation import (
    ServiceInvocation,
    check_service,
    invoke_for_service,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.domain.asynchronous_event import AsynchronousEvent
    from lambent.domain.function import FunctionVersion

LATEST = function_version()
BUCKET = "arn:aws:s3:::bucket"
OWNER = "210987654321"


def policy(*, qualifier: str = "", effect: str = "Allow") -> FunctionPolicy:
    statement = {
        "Sid": "s3",
        "Effect": effect,
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": f"{LATEST.arn}:{qualifier}" if qualifier else LATEST.arn,
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": OWNER},
            "ArnLike": {"AWS:SourceArn": BUCKET},
        },
    }
    return FunctionPolicy(
        account_id=LATEST.account_id,
        region=LATEST.region,
        name=LATEST.name,
        qualifier=qualifier,
        revision_id="r",
        document=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )


class Plane:
    """As much of a data plane as an event needs."""

    def __init__(self, version: FunctionVersion | None, *policies: FunctionPolicy) -> None:
        found = {each.qualifier: each for each in policies}
        self.accepted: list[AsynchronousEvent] = []
        self.policies = SimpleNamespace(get=lambda _a, _r, _n, qualifier: found.get(qualifier))
        self.runs = SimpleNamespace(
            functions=SimpleNamespace(version=lambda *_function: version),
            aliases=SimpleNamespace(get=lambda *_alias: None),
        )
        self.events = SimpleNamespace(accept=self.accept)

    async def accept(self, event: AsynchronousEvent) -> None:
        self.accepted.append(event)


def invocation(**changes: Any) -> ServiceInvocation:
    members: dict[str, Any] = {
        "service": "s3.amazonaws.com",
        "function_arn": LATEST.arn,
        "source_arn": BUCKET,
        "source_account": OWNER,
        "payload": b'{"Records": []}',
    }
    return ServiceInvocation(**(members | changes))


def refusal(call: Callable[..., Any], plane: Any, request: ServiceInvocation) -> str:
    with pytest.raises(ServiceError) as refused:
        asyncio.run(call(plane, request))
    assert not plane.accepted
    return refused.value.code


async def test_a_service_that_is_let_in_has_its_event_queued() -> None:
    plane: Any = Plane(LATEST, policy())
    request_id = await invoke_for_service(plane, invocation())
    [event] = plane.accepted
    assert (event.account_id, event.region, event.name) == (
        LATEST.account_id,
        LATEST.region,
        LATEST.name,
    )
    assert (event.request_id, event.payload) == (request_id, b'{"Records": []}')
    assert event.qualifier is None


async def test_a_qualifier_stays_as_the_service_has_it() -> None:
    plane: Any = Plane(LATEST, policy(qualifier="live"))
    await invoke_for_service(plane, invocation(function_arn=f"{LATEST.arn}:live"))
    assert plane.accepted[0].qualifier == "live"


async def test_the_trace_of_the_service_s_own_caller_goes_on() -> None:
    plane: Any = Plane(LATEST, policy())
    root = "Root=1-5759e988-bd862e3fe1be46a994272793"
    await invoke_for_service(plane, invocation(trace_header=root))
    assert plane.accepted[0].trace_header.startswith(root)


@pytest.mark.parametrize(
    "changes",
    [
        {"service": "sns.amazonaws.com"},
        {"source_arn": "arn:aws:s3:::another"},
        {"source_arn": None},
        {"source_account": "111111111111"},
        {"source_account": None},
        {"function_arn": f"{LATEST.arn}:live"},
    ],
)
def test_what_no_policy_allows_is_refused(changes: dict[str, Any]) -> None:
    for call in (invoke_for_service, check_service):
        plane = Plane(LATEST, policy())
        assert refusal(call, plane, invocation(**changes)) == "AccessDeniedException"


def test_without_a_policy_no_service_gets_in() -> None:
    assert refusal(invoke_for_service, Plane(LATEST), invocation()) == "AccessDeniedException"


def test_a_deny_wins() -> None:
    plane = Plane(LATEST, policy(effect="Deny"))
    assert refusal(invoke_for_service, plane, invocation()) == "AccessDeniedException"


def test_a_function_that_is_not_there_is_named_as_such() -> None:
    assert refusal(check_service, Plane(None), invocation()) == "ResourceNotFoundException"


def test_services_cannot_invoke_functions_with_tenants() -> None:
    plane = Plane(function_version(is_tenant_isolated=True), policy())
    code = refusal(invoke_for_service, plane, invocation())
    assert code == "InvalidParameterValueException"


def test_what_is_no_json_is_refused() -> None:
    plane = Plane(LATEST, policy())
    code = refusal(invoke_for_service, plane, invocation(payload=b"<xml>"))
    assert code == "InvalidRequestContentException"


def test_what_is_no_function_s_arn_is_refused() -> None:
    for function_arn in ("greet", "arn:aws:sqs:us-east-1:123456789012:queue"):
        plane = Plane(LATEST, policy())
        code = refusal(check_service, plane, invocation(function_arn=function_arn))
        assert code == "ValidationException"


async def test_a_check_runs_nothing() -> None:
    plane: Any = Plane(LATEST, policy())
    await check_service(plane, invocation())
    assert not plane.accepted
