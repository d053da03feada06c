from __future__ import annotations

import base64
import json
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.telemetry.subscriptions.conftest import (
    ACCOUNT,
    FUNCTION,
    REGION,
    STREAM,
    read,
    subscription,
)

from lambent.aws.clients import CallRefused, NoEndpoint, Scope, Unreachable
from lambent.domain.errors import ServiceError
from lambent.domain.identifiers import new_uuid
from lambent.domain.trace import continue_trace, times_returned
from lambent.store.log_records import LogEvent, Position
from lambent.telemetry.subscriptions.chains import InvocationChains
from lambent.telemetry.subscriptions.destinations import (
    Destinations,
    NotDelivered,
    destination_of,
)
from lambent.telemetry.subscriptions.messages import messages_of

FIREHOSE = f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/events"
GROUP_ARN = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:g:*"
DENIED = ServiceError("AccessDeniedException", "no")


class RecordedFunctions:
    def __init__(self, failure=None):
        self.failure = failure
        self.calls = []
        self.request_ids = []

    async def check(self, **call):
        self.calls.append(call)
        if self.failure is not None:
            raise self.failure

    async def invoke(self, **call):
        await self.check(**call)
        self.request_ids.append(new_uuid())
        return self.request_ids[-1]


class RecordedAws:
    """Has a client of its own of every service, which answers nothing."""

    def __init__(self, failure=None):
        self.failure = failure
        self.calls = []

    async def run(self, service, scope, use):
        if self.failure is not None:
            raise self.failure

        def put_record(**request):
            self.calls.append((service, scope, request))

        return use(SimpleNamespace(put_record=put_record))


def destinations(functions: Any = None, aws: Any = None):
    aws = aws or RecordedAws()
    return Destinations(
        functions=functions or RecordedFunctions(),
        aws=aws,
        chains=InvocationChains(),
    )


def message_of(subscribed, *texts, stream="s"):
    events = [
        LogEvent(position=Position(1, number), stream=stream, ingestion_ms=2, message=text)
        for number, text in enumerate(texts)
    ]
    [message], _ = messages_of(subscribed, events, 100_000)
    return message


@pytest.mark.parametrize(
    ("arn", "parts"),
    [
        (FUNCTION, ("lambda", REGION, ACCOUNT, "function:subscriber")),
        (STREAM, ("kinesis", REGION, ACCOUNT, "stream/events")),
        ("arn:aws:s3:::bucket", ("s3", "", "", "bucket")),
        ("subscriber", None),
        ("", None),
    ],
)
def test_destinations_are_arns(arn, parts):
    assert destination_of(arn) == parts


async def test_a_function_is_invoked_with_the_message():
    functions = RecordedFunctions()
    subscribed = subscription()
    message = message_of(subscribed, "hello")
    await destinations(functions).send(subscribed, message, {})
    [call] = functions.calls
    event = json.loads(call.pop("payload"))
    assert read(base64.b64decode(event["awslogs"]["data"]))["logEvents"][0]["message"] == "hello"
    assert call.pop("trace_header").startswith("Root=1-")
    assert call == {
        "function_arn": FUNCTION,
        "source_arn": GROUP_ARN,
        "source_account": ACCOUNT,
    }


@pytest.mark.parametrize("qualifier", ["", ":live"])
async def test_what_an_invocation_of_the_subscriber_logs_continues_its_chain(qualifier):
    functions = RecordedFunctions()
    subscribed = subscription(destination_arn=FUNCTION + qualifier)
    to = destinations(functions)
    message = message_of(subscribed, "first")
    await to.send(subscribed, message, to.traces_of(subscribed, message.events))
    [request_id] = functions.request_ids
    message = message_of(subscribed, f"START RequestId: {request_id}")
    await to.send(subscribed, message, to.traces_of(subscribed, message.events))
    counts = [
        times_returned(continue_trace(call["trace_header"], FUNCTION)) for call in functions.calls
    ]
    assert counts == [0, 1]


def test_no_trace_leads_to_a_stream():
    subscribed = subscription(destination_arn=STREAM)
    to = destinations()
    request_id = new_uuid()
    to.chains.remember(request_id, continue_trace(None, FUNCTION))
    message = message_of(subscribed, f"START RequestId: {request_id}")
    assert to.traces_of(subscribed, message.events) == {}


@pytest.mark.parametrize(
    ("code", "is_final"),
    [
        ("AccessDeniedException", True),
        ("ResourceNotFoundException", True),
        ("ServiceException", False),
    ],
)
async def test_a_function_that_cannot_be_invoked(code, is_final):
    subscribed = subscription()
    failing = destinations(RecordedFunctions(ServiceError(code, "why")))
    with pytest.raises(NotDelivered, match="why") as failure:
        await failing.send(subscribed, message_of(subscribed, "x"), {})
    assert failure.value.is_final is is_final


async def test_without_permission_a_function_is_no_destination():
    functions = RecordedFunctions(DENIED)
    with pytest.raises(ServiceError) as failure:
        await destinations(functions).check(subscription())
    assert (failure.value.code, failure.value.message) == (
        "InvalidParameterException",
        "Could not execute the lambda function. Make sure you have given CloudWatch Logs "
        "permission to execute your function.",
    )
    assert functions.calls == [
        {"function_arn": FUNCTION, "source_arn": GROUP_ARN, "source_account": ACCOUNT}
    ]


async def test_a_kinesis_stream_gets_records_by_log_stream():
    aws = RecordedAws()
    subscribed = subscription(destination_arn=STREAM, role_arn="r")
    message = message_of(subscribed, "hello", stream="2026/01/01/[1]abc")
    await destinations(aws=aws).send(subscribed, message, {})
    request = {"StreamName": "events", "Data": message.data, "PartitionKey": "2026/01/01/[1]abc"}
    assert aws.calls == [("kinesis", Scope(account_id=ACCOUNT, region=REGION), request)]


async def test_records_may_be_spread_over_a_kinesis_stream():
    aws = RecordedAws()
    subscribed = subscription(destination_arn=STREAM, role_arn="r", distribution="Random")
    to = destinations(aws=aws)
    for _ in range(2):
        await to.send(subscribed, message_of(subscribed, "hello"), {})
    first, second = (request["PartitionKey"] for _, _, request in aws.calls)
    assert first != second


async def test_firehose_gets_the_same():
    aws = RecordedAws()
    subscribed = subscription(destination_arn=FIREHOSE, role_arn="r")
    message = message_of(subscribed, "hello")
    await destinations(aws=aws).send(subscribed, message, {})
    [(service, _, request)] = aws.calls
    assert service == "firehose"
    assert request == {"DeliveryStreamName": "events", "Record": {"Data": message.data}}


@pytest.mark.parametrize(("arn", "kind"), [(STREAM, "Kinesis stream"), (FIREHOSE, "Firehose")])
async def test_a_stream_is_tried_with_a_control_message(arn, kind):
    aws = RecordedAws()
    await destinations(aws=aws).check(subscription(destination_arn=arn, role_arn="r"))
    [(_, _, request)] = aws.calls
    document = read(request["Data"] if "Data" in request else request["Record"]["Data"])
    assert document["messageType"] == "CONTROL_MESSAGE"
    assert kind in document["logEvents"][0]["message"]


@pytest.mark.parametrize(
    ("failure", "is_final"),
    [
        (CallRefused("ResourceNotFoundException", "no such stream"), True),
        (CallRefused("ProvisionedThroughputExceededException", "slower"), False),
        (Unreachable("nobody there"), False),
        (NoEndpoint("none configured"), False),
    ],
)
async def test_a_stream_that_cannot_be_written(failure, is_final):
    subscribed = subscription(destination_arn=STREAM, role_arn="r")
    failing = destinations(aws=RecordedAws(failure))
    with pytest.raises(NotDelivered) as raised:
        await failing.send(subscribed, message_of(subscribed, "x"), {})
    assert raised.value.is_final is is_final
    with pytest.raises(ServiceError, match=r"specified Kinesis stream.*\(.*\)") as refused:
        await failing.check(subscribed)
    assert refused.value.code == "InvalidParameterException"


def test_messages_fit_their_destinations():
    to = destinations()
    function_bytes = to.most_bytes(subscription())
    assert len(base64.b64encode(bytes(function_bytes))) < 1024 * 1024
    assert to.most_bytes(subscription(destination_arn=STREAM)) == 1024 * 1024
    assert to.most_bytes(subscription(destination_arn=FIREHOSE)) == 1000 * 1024
