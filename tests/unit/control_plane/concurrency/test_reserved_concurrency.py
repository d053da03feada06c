from __future__ import annotations

import asyncio

import pytest

from lambent.domain.errors import ServiceError

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:echo"
PUT = "PutFunctionConcurrency"
GET = "GetFunctionConcurrency"
DELETE = "DeleteFunctionConcurrency"
REQUEST = {"ReservedConcurrentExecutions": 1}
BELOW_MINIMUM = (
    "Specified ReservedConcurrentExecutions for function decreases account's "
    "UnreservedConcurrentExecution below its minimum value of [100]."
)


@pytest.fixture
async def function(api):
    await api.active(Publish=True)
    return api


async def put(api, executions, name="echo"):
    return await api(PUT, FunctionName=name, ReservedConcurrentExecutions=executions)


async def provision(api, count, qualifier="1"):
    await api(
        "PutProvisionedConcurrencyConfig",
        FunctionName="echo",
        Qualifier=qualifier,
        ProvisionedConcurrentExecutions=count,
    )


async def refused(call):
    with pytest.raises(ServiceError) as caught:
        await call
    return caught.value


async def unreserved(api):
    return (await api("GetAccountSettings"))["AccountLimit"]["UnreservedConcurrentExecutions"]


async def test_what_is_put_is_answered_until_it_is_deleted(function):
    assert await function(GET, FunctionName="echo") == {}
    for executions in (0, 3):
        answer = {"ReservedConcurrentExecutions": executions}
        assert await put(function, executions) == answer
        assert await function(GET, FunctionName=ARN) == answer
        for qualifier in ({}, {"Qualifier": "1"}):
            found = await function("GetFunction", FunctionName="echo", **qualifier)
            assert found["Concurrency"] == answer
    for _ in range(2):
        assert await function(DELETE, FunctionName="echo") == {}
        assert await function(GET, FunctionName="echo") == {}
    assert (await function("GetFunction", FunctionName="echo"))["Concurrency"] is None


@pytest.mark.parametrize(
    ("operation", "latest"), [(PUT, ":$LATEST"), (DELETE, ":$LATEST"), (GET, "")]
)
async def test_a_function_that_is_not_there_is_named_with_latest_in_changes(api, operation, latest):
    error = await refused(api(operation, FunctionName="gone", **REQUEST))
    assert (error.code, error.message) == (
        "ResourceNotFoundException",
        f"Function not found: {ARN.replace('echo', 'gone')}{latest}",
    )


@pytest.mark.parametrize("operation", [PUT, GET, DELETE])
@pytest.mark.parametrize("qualifier", ["$LATEST", "1", "live"])
async def test_it_is_of_functions_and_not_of_their_versions(function, operation, qualifier):
    error = await refused(function(operation, FunctionName=f"{ARN}:{qualifier}", **REQUEST))
    assert (error.code, error.message) == (
        "InvalidParameterValueException",
        "This operation is permitted on Lambda functions only. Aliases and versions do not support "
        "this operation. Please specify either a function name or an unqualified function ARN.",
    )


@pytest.mark.parametrize("executions", [901, 1000, 1001])
async def test_an_account_keeps_enough_for_all_others(function, executions):
    error = await refused(put(function, executions))
    assert (error.code, error.message) == ("InvalidParameterValueException", BELOW_MINIMUM)
    assert error.members == {"Type": None}
    await put(function, 900)
    assert await unreserved(function) == 100


async def test_what_others_have_counts_and_what_it_had_itself_does_not(function):
    await function.active("second")
    await put(function, 500, "second")
    await put(function, 300)
    await put(function, 400)
    assert (await refused(put(function, 401))).message == BELOW_MINIMUM
    await put(function, 0)
    assert await unreserved(function) == 500
    await function("DeleteFunction", FunctionName="second")
    assert await unreserved(function) == 1000


async def test_a_function_can_be_stopped_when_nothing_is_left(function):
    await function.active("second", Publish=True)
    await put(function, 900, "second")
    await put(function, 0)


async def test_it_is_not_lower_than_what_is_provisioned(function):
    await provision(function, 2)
    error = await refused(put(function, 1))
    assert (error.code, error.message) == (
        "InvalidParameterValueException",
        " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned "
        "concurrency [2].",
    )
    assert error.members == {"Type": None}
    await put(function, 2)
    assert await unreserved(function) == 998
    await function(DELETE, FunctionName="echo")
    assert await unreserved(function) == 998


async def test_what_is_provisioned_for_others_counts_too(function):
    await function.active("second")
    await provision(function, 800)
    assert (await refused(put(function, 101, "second"))).message == BELOW_MINIMUM
    await put(function, 100, "second")


async def test_of_concurrent_callers_no_more_than_fits_succeed(function):
    for name in ("second", "third"):
        await function.active(name)
    results = await asyncio.gather(
        *(put(function, 400, name) for name in ("echo", "second", "third")),
        return_exceptions=True,
    )
    assert sum(isinstance(result, ServiceError) for result in results) == 1
    assert await unreserved(function) == 200


async def test_other_regions_have_their_own(function):
    await put(function, 900)
    elsewhere = function.of(region="us-east-1")
    await elsewhere.active()
    await put(elsewhere, 900)
    assert await unreserved(function) == 100
