from __future__ import annotations

import pytest

from lambent.domain.errors import ServiceError

OWNER = "eu-central-1:123456789012"
FUNCTIONS = f"arn:aws:lambda:{OWNER}:function"
QUEUE = f"arn:aws:sqs:{OWNER}:records"
BUCKET = "arn:aws:s3:::records.of-calls"
PUT = "PutFunctionEventInvokeConfig"


@pytest.fixture
async def function(api):
    """A function, and another one with an alias."""
    await api.active()
    await api.active("other")
    await api("CreateAlias", FunctionName="other", Name="live", FunctionVersion="$LATEST")
    return api


async def put(api, **sides):
    config = {side: {"Destination": arn} for side, arn in sides.items()}
    answer = await api(PUT, FunctionName="echo", DestinationConfig=config)
    return answer["DestinationConfig"]


async def refused(api, **sides):
    with pytest.raises(ServiceError) as caught:
        await put(api, **sides)
    assert caught.value.code == "InvalidParameterValueException"
    return caught.value.message


@pytest.mark.parametrize("side", ["OnSuccess", "OnFailure"])
@pytest.mark.parametrize(
    "arn",
    [
        QUEUE,
        f"arn:aws:sns:{OWNER}:topic_1",
        f"arn:aws:events:{OWNER}:event-bus/default",
        f"arn:aws:events:{OWNER}:event-bus/aws.partner/example.com/1",
        f"{FUNCTIONS}:other",
        f"{FUNCTIONS}:other:live",
        f"{FUNCTIONS}:other:$LATEST",
    ],
)
async def test_records_may_go_there(function, side, arn):
    assert (await put(function, **{side: arn}))[side] == {"Destination": arn}


async def test_a_bucket_is_for_failures_only(function):
    assert (await put(function, OnFailure=BUCKET))["OnFailure"] == {"Destination": BUCKET}
    assert await refused(function, OnSuccess=BUCKET, OnFailure=QUEUE) == (
        f"The provided destination config DestinationConfig(onSuccess=OnSuccess(destination={BUCKET}"
        f"), onFailure=OnFailure(destination={QUEUE})) is invalid."
    )


@pytest.mark.parametrize("arn", [f"arn:aws:iam:{OWNER}:role", "kafka://topic"])
async def test_other_services_are_refused_with_what_was_asked_for(function, arn):
    assert await refused(function, OnSuccess=arn) == (
        f"The provided destination config DestinationConfig(onSuccess=OnSuccess(destination={arn}), "
        "onFailure=null) is invalid."
    )
    assert await refused(function, OnFailure=arn) == (
        "The provided destination config DestinationConfig(onSuccess=null, "
        f"onFailure=OnFailure(destination={arn})) is invalid."
    )


@pytest.mark.parametrize(
    "arn",
    [
        f"{QUEUE}.fifo",
        f"arn:aws:sns:{OWNER}:topic.fifo",
        f"arn:aws:sns:{OWNER}:topic:0d7c9a1e",
        "arn:aws:sqs:::records",
        f"arn:aws:events:{OWNER}:rule/every-day",
        "arn:aws:s3:::UPPER",
        f"{FUNCTIONS}:gone",
        f"{FUNCTIONS}:other:dead",
        f"{FUNCTIONS}:other:1",
        f"arn:aws:lambda:{OWNER}:layer:other",
        "arn:aws:lambda:us-east-1:123456789012:function:other",
        "arn:aws:lambda:eu-central-1:999999999999:function:other",
    ],
)
async def test_what_is_not_there_or_takes_no_records_is_refused(function, arn):
    assert await refused(function, OnFailure=arn) == f"The destination ARN {arn} is invalid."


@pytest.mark.parametrize("qualifier", ["", ":$LATEST"])
async def test_a_function_cannot_be_its_own_destination(function, qualifier):
    message = "You can't specify the function as a destination for itself."
    assert await refused(function, OnSuccess=f"{FUNCTIONS}:echo{qualifier}") == message
    assert await refused(function, OnFailure=f"{FUNCTIONS}:echo{qualifier}") == message


async def test_no_text_is_no_destination(function):
    nowhere = {"OnSuccess": {"Destination": None}, "OnFailure": {"Destination": None}}
    assert await put(function, OnSuccess="") == nowhere
    configs: list[dict[str, dict[str, str]]] = [{"OnSuccess": {}}, {"OnFailure": {}}, {}]
    for config in configs:
        answer = await function(PUT, FunctionName="echo", DestinationConfig=config)
        assert answer["DestinationConfig"] == nowhere
