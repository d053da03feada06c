from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from tests.support.outcomes import ACCOUNT, REGION, REQUEST_ID, TRACE, delivery
from tests.unit.aws.stand_ins import FakeAws

from lambent.aws.clients import CallRefused
from lambent.aws.destinations import Destinations
from lambent.domain.delivery import DeliveryRefused

MIB = 1024 * 1024
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:records"
BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/records"
LETTER = {"RequestID": REQUEST_ID, "ErrorCode": "200", "ErrorMessage": "it failed"}


class Recorder:
    """A client of any service: keeps what it is asked, and answers what it was told to."""

    exceptions = SimpleNamespace(ClientError=ClientError)

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Any:
        def call(**request: Any) -> Any:
            self.calls.append((operation, request))
            answer = self.answers.get(operation, {})
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


@pytest.fixture
def queue():
    return Recorder(get_queue_url={"QueueUrl": "http://queue.test/1/records"})


@pytest.fixture
def bus():
    return Recorder(put_events={"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})


@pytest.fixture
def aws(queue, bus):
    return FakeAws({"sqs": queue, "sns": Recorder(), "events": bus, "s3": Recorder()})


@pytest.fixture
def destinations(aws):
    return Destinations(cast("Any", aws))


async def problem_of(destinations, delivery):
    """What kept this one from being delivered."""
    [problem] = await destinations.send([delivery])
    return problem


async def test_a_queue_gets_the_record_as_its_message(destinations, queue, aws):
    assert await problem_of(destinations, delivery()) is None
    (_, asked), (operation, request) = queue.calls
    assert asked == {"QueueName": "records"}
    assert operation == "send_message"
    assert request == {
        "QueueUrl": "http://queue.test/1/records",
        "MessageBody": '{"version":"1.0"}',
        "MessageAttributes": {},
        "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": TRACE}},
    }
    [scope] = aws.scopes
    assert (scope.account_id, scope.region) == (ACCOUNT, REGION)


async def test_a_dead_letter_has_its_attributes(destinations, queue, aws):
    assert await problem_of(destinations, delivery(attributes=LETTER)) is None
    expected = {
        "RequestID": {"DataType": "String", "StringValue": REQUEST_ID},
        "ErrorCode": {"DataType": "Number", "StringValue": "200"},
        "ErrorMessage": {"DataType": "String", "StringValue": "it failed"},
    }
    assert queue.calls[-1][1]["MessageAttributes"] == expected
    assert (
        await problem_of(
            destinations, delivery(target_arn=TOPIC, attributes={**LETTER, "ErrorMessage": ""})
        )
        is None
    )
    [(_, published)] = aws.services["sns"].calls
    del expected["ErrorMessage"]
    assert published == {
        "TopicArn": TOPIC,
        "Message": '{"version":"1.0"}',
        "MessageAttributes": expected,
    }


async def test_a_queues_url_is_asked_for_once_until_it_is_gone(destinations, queue):
    assert await problem_of(destinations, delivery()) is None
    assert await problem_of(destinations, delivery()) is None
    gone = {"Error": {"Code": "AWS.SimpleQueueService.NonExistentQueue", "Message": ""}}
    queue.answers["send_message"] = ClientError(cast("Any", gone), "SendMessage")
    with pytest.raises(ExceptionGroup):  # what real clients make a CallRefused of
        await destinations.send([delivery()])
    del queue.answers["send_message"]
    assert await problem_of(destinations, delivery()) is None
    assert [name for name, _ in queue.calls].count("get_queue_url") == 2


async def test_another_accounts_queue_is_asked_for_with_its_owner_in_its_region(
    destinations, queue, aws
):
    assert (
        await problem_of(
            destinations, delivery(target_arn="arn:aws:sqs:eu-central-1:999999999999:records")
        )
        is None
    )
    owner = {"QueueName": "records", "QueueOwnerAWSAccountId": "999999999999"}
    assert queue.calls[0] == ("get_queue_url", owner)
    assert (aws.scopes[0].account_id, aws.scopes[0].region) == (ACCOUNT, "eu-central-1")


@pytest.mark.parametrize(
    ("condition", "said"), [("Success", "Success"), ("EventAgeExceeded", "Failure")]
)
async def test_a_bus_gets_an_event_of_lambdas(destinations, bus, condition, said):
    assert await problem_of(destinations, delivery(target_arn=BUS, condition=condition)) is None
    [(_, request)] = bus.calls
    assert request["Entries"] == [
        {
            "Time": datetime(2019, 11, 14, 18, 16, 5, 568000, tzinfo=UTC),
            "Source": "lambda",
            "DetailType": f"Lambda Function Invocation Result - {said}",
            "Resources": [BUS, delivery().function_arn],
            "Detail": '{"version":"1.0"}',
            "EventBusName": BUS,
            "TraceHeader": TRACE,
        }
    ]


async def test_a_trace_too_long_for_an_event_is_left_out(destinations, bus):
    assert await problem_of(destinations, delivery(target_arn=BUS, trace_header="x" * 501)) is None
    assert "TraceHeader" not in bus.calls[0][1]["Entries"][0]


async def test_an_event_that_a_bus_did_not_take_was_not_delivered(destinations, bus):
    bus.answers["put_events"] = {
        "FailedEntryCount": 1,
        "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "later"}],
    }
    problem = await problem_of(destinations, delivery(target_arn=BUS))
    assert isinstance(problem, CallRefused)
    assert "InternalFailure: later" in str(problem)


async def test_a_bucket_gets_an_object_that_a_second_attempt_writes_again(destinations, aws):
    for _ in range(2):
        assert await problem_of(destinations, delivery(target_arn="arn:aws:s3:::failures")) is None
    (_, first), (_, second) = aws.services["s3"].calls
    assert first == second
    start = "aws/lambda/async/greet/2019/11/14/2019-11-14T18.16.05-"
    assert first["Key"].startswith(start)
    assert len(first["Key"]) == len(start) + 36
    assert first["Bucket"] == "failures"
    assert first["Body"] == delivery().body
    assert aws.scopes[0].region == REGION


@pytest.mark.parametrize("arn", [f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue.fifo", f"{TOPIC}.fifo"])
async def test_fifo_queues_and_topics_take_no_records(destinations, aws, arn):
    problem = await problem_of(destinations, delivery(target_arn=arn))
    assert isinstance(problem, DeliveryRefused)
    assert "FIFO" in str(problem)
    assert aws.scopes == []


@pytest.mark.parametrize("arn", [delivery().target_arn, TOPIC, BUS])
async def test_what_is_larger_than_a_message_is_refused_for_good(destinations, aws, arn):
    attributes = {} if arn == BUS else {"RequestID": REQUEST_ID}
    more = len(f"RequestIDString{REQUEST_ID}")
    if arn == BUS:
        texts = ("lambda", "Lambda Function Invocation Result - Success", BUS)
        more = sum(map(len, (*texts, delivery().function_arn)))
    fits = delivery(target_arn=arn, attributes=attributes, body=b"x" * (MIB - more))
    assert await problem_of(destinations, fits) is None
    large = delivery(target_arn=arn, attributes=attributes, body=b"x" * (MIB - more + 1))
    problem = await problem_of(destinations, large)
    assert isinstance(problem, DeliveryRefused)
    assert "would have 1048577 bytes, and" in str(problem)
    assert len(aws.scopes) == 1


async def test_a_message_too_long_for_its_topic_is_refused_for_good(destinations, aws):
    topic = aws.services["sns"]
    topic.answers["publish"] = CallRefused(
        "InvalidParameter", "Invalid parameter: Message too long"
    )
    problem = await problem_of(destinations, delivery(target_arn=TOPIC, body=b"x" * 300_000))
    assert isinstance(problem, DeliveryRefused)
    assert "the message has 300000 bytes" in str(problem)
    assert "262144" in str(problem)
    topic.answers["publish"] = CallRefused("InvalidParameter", "Invalid parameter: TopicArn")
    assert isinstance(await problem_of(destinations, delivery(target_arn=TOPIC)), CallRefused)


async def test_an_object_may_be_larger(destinations, aws):
    assert (
        await problem_of(
            destinations, delivery(target_arn="arn:aws:s3:::failures", body=b"x" * 7 * MIB)
        )
        is None
    )
    assert len(aws.scopes) == 1


async def test_a_service_without_an_endpoint_is_not_tried_again(destinations, aws):
    del aws.services["sqs"]
    problem = await problem_of(destinations, delivery())
    assert isinstance(problem, DeliveryRefused)
    assert "no endpoint of sqs is configured" in str(problem)


async def test_other_services_take_no_records(destinations):
    problem = await problem_of(
        destinations, delivery(target_arn=f"arn:aws:dynamodb:{REGION}:1:table/t")
    )
    assert isinstance(problem, DeliveryRefused)
    assert "dynamodb takes no records" in str(problem)


@pytest.fixture
def many():
    """More than one call takes."""
    return [delivery(body=b"%d" % number) for number in range(12)]


async def test_each_message_of_a_queue_has_a_call_of_its_own(destinations, queue, many):
    assert await destinations.send(many) == [None] * 12
    sent = [request["MessageBody"] for name, request in queue.calls if name == "send_message"]
    assert sent == [str(number) for number in range(12)]


async def test_several_messages_of_a_topic_go_in_few_calls(destinations, aws, many):
    several = [replace(each, target_arn=TOPIC) for each in many]
    assert await destinations.send(several) == [None] * 12
    (first, ten), (second, two) = aws.services["sns"].calls
    assert (first, second) == ("publish_batch", "publish_batch")
    entries = ten["PublishBatchRequestEntries"] + two["PublishBatchRequestEntries"]
    assert [each["Message"] for each in entries] == [str(number) for number in range(12)]
    assert [each["Id"] for each in two["PublishBatchRequestEntries"]] == ["0", "1"]


async def test_of_a_call_those_fail_that_its_answer_names(destinations, aws):
    failed = [{"Id": "1", "Code": "InternalError", "Message": "later", "SenderFault": False}]
    aws.services["sns"].answers["publish_batch"] = {"Failed": failed}
    problems = await destinations.send([delivery(target_arn=TOPIC) for _ in range(3)])
    assert [each and str(each) for each in problems] == [None, "InternalError: later", None]


async def test_of_several_events_those_fail_that_the_bus_names(destinations, bus):
    told = [{"EventId": "1"}, {"ErrorCode": "InternalFailure"}]
    bus.answers["put_events"] = {"FailedEntryCount": 1, "Entries": told}
    problems = await destinations.send([delivery(target_arn=BUS) for _ in range(2)])
    assert [each and str(each) for each in problems] == [None, "InternalFailure: "]


async def test_a_call_that_fails_is_a_problem_of_all_that_were_in_it(destinations, aws, many):
    aws.services["sns"].answers["publish_batch"] = CallRefused("Throttled", "slowly")
    several = [replace(each, target_arn=TOPIC) for each in many]
    assert {str(each) for each in await destinations.send(several)} == {"Throttled: slowly"}


@pytest.mark.parametrize(("arn", "size"), [(TOPIC, MIB // 4), (BUS, MIB)])
async def test_a_call_has_no_more_bytes_than_it_may(destinations, aws, arn, size):
    half = delivery(target_arn=arn, body=b"x" * (size // 2 + 1))
    assert await destinations.send([half] * 2) == [None] * 2
    assert len(aws.scopes) == 2


async def test_what_is_too_large_keeps_no_other_from_being_sent(destinations, queue):
    large = delivery(body=b"x" * (MIB + 1))
    problems = await destinations.send([delivery(), large, delivery()])
    assert [type(each) for each in problems] == [type(None), DeliveryRefused, type(None)]
    assert [name for name, _ in queue.calls].count("send_message") == 2


async def test_accounts_are_not_mixed_in_a_call(destinations, aws):
    other = delivery(account_id="999999999999")
    assert await destinations.send([delivery(), other]) == [None, None]
    assert [scope.account_id for scope in aws.scopes] == [ACCOUNT, "999999999999"]
