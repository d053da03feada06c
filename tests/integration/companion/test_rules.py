"""EventBridge's events on their way to targets."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.integration.companion.conftest import ACCOUNT, FORBIDDEN, FUNCTION

if TYPE_CHECKING:
    from tests.integration.companion.conftest import Companion


def put_rule(companion: Companion, name: str, *targets: dict[str, Any]) -> Any:
    """EventBridge, with a rule for events whose source has the rule's name."""
    events = companion.client("events")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(
        Rule=name, Targets=[{"Id": str(n)} | target for n, target in enumerate(targets)]
    )
    return events


def put_event(events: Any, source: str) -> str:
    entry = {"Source": source, "DetailType": "sale", "Detail": '{"amount": 3}', "Resources": ["r"]}
    [answer] = events.put_events(Entries=[entry])["Entries"]
    return str(answer["EventId"])


def test_a_function_gets_the_whole_event(companion: Companion) -> None:
    events = put_rule(companion, "whole", {"Arn": FUNCTION})
    event_id = put_event(events, "whole")
    call = companion.server.next_call()
    event = json.loads(call["payload"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event.pop("time"))
    assert event == {
        "version": "0",
        "id": event_id,
        "detail-type": "sale",
        "source": "whole",
        "account": ACCOUNT,
        "region": "us-east-1",
        "resources": ["r"],
        "detail": {"amount": 3},
    }
    assert (call["service"], call["source_account"]) == ("events.amazonaws.com", ACCOUNT)
    assert call["source_arn"] == f"arn:aws:events:us-east-1:{ACCOUNT}:rule/whole"


def test_each_target_gets_what_it_wants_of_it(companion: Companion) -> None:
    transformer = {"InputPathsMap": {"a": "$.detail.amount"}, "InputTemplate": '{"sold": <a>}'}
    events = put_rule(
        companion,
        "wishes",
        {"Arn": FUNCTION, "Input": '"constant"'},
        {"Arn": FUNCTION, "InputPath": "$.detail"},
        {"Arn": FUNCTION, "InputTransformer": transformer},
    )
    put_event(events, "wishes")
    sent = [companion.server.next_event() for _ in range(3)]
    assert sent == ["constant", {"amount": 3}, {"sold": 3}]


def test_queues_and_topics_get_the_same(companion: Companion) -> None:
    sqs, sns = companion.client("sqs"), companion.client("sns")
    queue_url = sqs.create_queue(QueueName="targets")["QueueUrl"]
    topic_arn = sns.create_topic(Name="targets")["TopicArn"]
    sns.subscribe(TopicArn=topic_arn, Protocol="lambda", Endpoint=FUNCTION)
    queue_arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:targets"
    events = put_rule(companion, "others", {"Arn": queue_arn}, {"Arn": topic_arn})
    event_id = put_event(events, "others")
    [message] = sqs.receive_message(QueueUrl=queue_url)["Messages"]
    notification = companion.server.next_event()["Records"][0]["Sns"]
    assert json.loads(message["Body"]) == json.loads(notification["Message"])
    assert json.loads(message["Body"])["id"] == event_id


def test_a_rule_on_another_bus_gets_what_is_passed_on(companion: Companion) -> None:
    bus_arn = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/other"
    events = put_rule(companion, "passed", {"Arn": bus_arn})
    events.create_event_bus(Name="other")
    events.put_rule(Name="there", EventBusName="other", EventPattern='{"source": ["passed"]}')
    events.put_targets(Rule="there", EventBusName="other", Targets=[{"Id": "f", "Arn": FUNCTION}])
    put_event(events, "passed")
    call = companion.server.next_call()
    assert call["source_arn"] == f"arn:aws:events:us-east-1:{ACCOUNT}:rule/other/there"


def test_a_disabled_rule_sends_nothing(companion: Companion) -> None:
    events = put_rule(companion, "disabled", {"Arn": FUNCTION})
    events.disable_rule(Name="disabled")
    put_event(events, "disabled")
    assert companion.server.calls.empty()


def test_a_target_that_cannot_be_reached_harms_no_other(companion: Companion) -> None:
    gone = f"arn:aws:sqs:us-east-1:{ACCOUNT}:gone"
    state_machine = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:none"
    events = put_rule(companion, "gone", {"Arn": gone}, {"Arn": state_machine}, {"Arn": FUNCTION})
    event_id = put_event(events, "gone")
    assert companion.server.next_event()["id"] == event_id


def test_what_may_not_be_delivered_goes_to_the_target_s_queue(companion: Companion) -> None:
    sqs = companion.client("sqs")
    queue_url = sqs.create_queue(QueueName="rejected")["QueueUrl"]
    queue_arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:rejected"
    target = {"Arn": FORBIDDEN, "DeadLetterConfig": {"Arn": queue_arn}}
    event_id = put_event(put_rule(companion, "rejected", target), "rejected")
    received = sqs.receive_message(QueueUrl=queue_url, MessageAttributeNames=["All"])
    [message] = received["Messages"]
    assert json.loads(message["Body"])["id"] == event_id
    attributes = {
        name: value["StringValue"] for name, value in message["MessageAttributes"].items()
    }
    assert attributes == {
        "RULE_ARN": f"arn:aws:events:us-east-1:{ACCOUNT}:rule/rejected",
        "TARGET_ARN": FORBIDDEN,
        "ERROR_CODE": "NO_PERMISSIONS",
        "ERROR_MESSAGE": "no policy allows it",
    }


def test_a_schedule_fires_again_and_again(companion: Companion) -> None:
    events = companion.client("events")
    events.put_rule(Name="every", ScheduleExpression="rate(1 hour)")
    events.put_targets(Rule="every", Targets=[{"Id": "f", "Arn": FUNCTION}])
    fired = [companion.server.next_event() for _ in range(2)]
    events.remove_targets(Rule="every", Ids=["f"])
    events.delete_rule(Name="every")
    assert fired[0]["id"] != fired[1]["id"]
    assert fired[0]["time"] < fired[1]["time"]
    assert (fired[0]["detail-type"], fired[0]["source"]) == ("Scheduled Event", "aws.events")
    assert fired[0]["resources"] == [f"arn:aws:events:us-east-1:{ACCOUNT}:rule/every"]


def test_a_rule_with_a_schedule_alone_takes_no_events(companion: Companion) -> None:
    events = companion.client("events")
    events.put_rule(Name="rare", ScheduleExpression="cron(0 0 1 1 ? 2199)")
    events.put_targets(Rule="rare", Targets=[{"Id": "f", "Arn": FUNCTION}])
    put_event(events, "anything")
    assert companion.server.calls.empty()


@pytest.mark.parametrize("expression", ["rate(1 minutes)", "cron(0 1 * * * *)", "hourly"])
def test_a_schedule_that_aws_refuses_is_refused(companion: Companion, expression: str) -> None:
    with pytest.raises(ClientError, match="Parameter ScheduleExpression is not valid"):
        companion.client("events").put_rule(Name="wrong", ScheduleExpression=expression)


def test_two_inputs_for_one_target_are_refused(companion: Companion) -> None:
    with pytest.raises(ClientError, match="Only one of Input, InputPath, or InputTransformer"):
        put_rule(companion, "twice", {"Arn": FUNCTION, "Input": "{}", "InputPath": "$"})


def test_an_archive_keeps_events_all_the_same(companion: Companion) -> None:
    events = companion.client("events")
    bus_arn = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default"
    events.create_archive(ArchiveName="kept", EventSourceArn=bus_arn)
    put_event(events, "whatever")
    assert events.describe_archive(ArchiveName="kept")["EventCount"] == 1
    events.delete_archive(ArchiveName="kept")
