from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lambent.domain.errors import ServiceError

NO_LONGER = (
    "The runtime parameter of {} is no longer supported for creating or updating AWS Lambda "
    "functions. We recommend you use a supported runtime while creating or updating functions."
)
# AWS's dates for Node.js 22.
DEPRECATED = datetime(2027, 4, 30, tzinfo=UTC)
LAST_CREATE = datetime(2027, 5, 31, 23, 59, 59, tzinfo=UTC)
CREATE_BLOCKED = datetime(2027, 6, 1, tzinfo=UTC)
LAST_UPDATE = datetime(2027, 6, 30, 23, 59, 59, tzinfo=UTC)
UPDATE_BLOCKED = datetime(2027, 7, 1, tzinfo=UTC)
UPDATE = "UpdateFunctionConfiguration"


async def refused(call):
    with pytest.raises(ServiceError) as caught:
        await call
    assert caught.value.code == "InvalidParameterValueException"
    return caught.value.message


async def test_one_that_cannot_run_is_refused_with_the_reason(api):
    message = await refused(api.create(Runtime="nodejs20.x"))
    assert "lambent runtime install nodejs20.x" in message


@pytest.mark.parametrize("identifier", ["java8", "go1.x", "provided", "python3.7", "nodejs14.x"])
async def test_blocked_ones_are_refused_in_aws_words(api, identifier):
    assert await refused(api.create(Runtime=identifier)) == NO_LONGER.format(identifier)


@pytest.mark.parametrize("identifier", ["non-existent-runtime", "PYTHON3.12", ""])
async def test_what_is_no_runtime_is_refused_with_the_list_of_them(api, identifier):
    message = await refused(api.create(Runtime=identifier))
    assert message.startswith(
        f"Value {identifier} at 'runtime' failed to satisfy constraint: Member must satisfy enum "
        "value set: [nodejs20.x, python3.14, "
    )
    assert message.endswith(", provided.al2, java8.al2] or be a valid ARN")


@pytest.mark.parametrize("now", [DEPRECATED, LAST_CREATE])
async def test_a_deprecated_one_can_be_created_until_its_block(api, now):
    api.clock.now = now
    assert (await api.create(Runtime="nodejs22.x"))["Runtime"] == "nodejs22.x"


async def test_a_block_begins_with_its_day(api):
    api.clock.now = CREATE_BLOCKED
    assert await refused(api.create(Runtime="nodejs22.x")) == NO_LONGER.format("nodejs22.x")


async def test_a_function_can_be_updated_until_the_block_of_updates(api):
    await api.active(Runtime="nodejs22.x")
    api.clock.now = LAST_UPDATE
    updated = await api.updated(UPDATE, FunctionName="echo", Timeout=9)
    assert updated["Timeout"] == 9
    await api.active("other")
    assert await api.updated(UPDATE, FunctionName="other", Runtime="nodejs22.x")


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        (UPDATE, {"Timeout": 9}),
        (UPDATE, {"Runtime": "nodejs22.x"}),
        ("UpdateFunctionCode", {"ZipFile": b"never looked at"}),
    ],
)
async def test_then_neither_code_nor_configuration_can_change(api, operation, request_):
    await api.active(Runtime="nodejs22.x")
    api.clock.now = UPDATE_BLOCKED
    message = await refused(api(operation, FunctionName="echo", **request_))
    assert message == NO_LONGER.format("nodejs22.x")


async def test_a_move_to_a_supported_runtime_is_always_possible(api):
    await api.active(Runtime="nodejs22.x")
    api.clock.now = UPDATE_BLOCKED
    updated = await api.updated(UPDATE, FunctionName="echo", Runtime="python3.13")
    assert updated["Runtime"] == "python3.13"


async def test_the_operator_may_allow_what_aws_has_blocked(api):
    api.clock.now = UPDATE_BLOCKED
    api.plane = replace(api.plane, allows_blocked_runtimes=True)
    await api.active(Runtime="nodejs22.x")
    assert (await api.updated(UPDATE, FunctionName="echo", Timeout=9))["Timeout"] == 9
    assert await refused(api.create("other", Runtime="java8")) == "It is not there."
