"""Queues, topics, event buses and buckets, as destinations of invocation records and dead letters.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

import asyncio
import re
import uuid
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from lambent.aws.clients import CallRefused, NoEndpoint, Scope, Unreachable
from lambent.domain.delivery import DeliveryRefused, target_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lambent.aws.clients import AwsClients
    from lambent.domain.delivery import Delivery, Target

# Of a message of SQS's and of an entry of EventBridge's. A topic takes 256 KiB unless its own
# attribute says more, up to this: https://docs.aws.amazon.com/sns/latest/dg/large-message-payloads.html
_MESSAGE_BYTES = 1024 * 1024
_TOPIC_BYTES = 256 * 1024
# Of what one call takes, messages and their bytes; those are for more than one message only. SQS has
# such calls too, but the programs people have in its place lose the trace of what comes in them.
_CALL_MESSAGES = {"sqs": 1, "sns": 10, "events": 10, "s3": 1}
_CALL_BYTES = {"sqs": 0, "sns": 256 * 1024, "events": 1024 * 1024, "s3": 0}
_CALLS_AT_ONCE = 4  # to one target, of the 8 of its service: it must not keep all others waiting
_WITHIN_SECONDS = 20.0
_QUEUES = 1000  # whose URLs are kept
_NO_SUCH_QUEUE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
_TRACE_HEADER_CHARACTERS = 500  # EventBridge takes no longer one
_DETAIL_TYPE = "Lambda Function Invocation Result - "
# AWS says "Invalid parameter: Message too long"; others, that it must be shorter.
_TOO_LONG = re.compile(r"too long|shorter than", re.IGNORECASE)
_MAX_TOLD = 1000  # characters of a service's message


class Destinations:
    """Sends to any of them, in the name of the function's account."""

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients
        self._queue_urls: dict[tuple[str, str], str] = {}  # by the caller's account and the ARN
        self._senders = {
            "sqs": self._send_message,
            "sns": _publish,
            "events": _put_events,
            "s3": _put_object,
        }

    async def send(self, deliveries: Sequence[Delivery]) -> list[Exception | None]:
        """Deliver these, all of one target's; answers of each what kept it from that, if anything.

        DeliveryRefused is for good; CallRefused and Unreachable may pass. A delivery is at its
        target once at least.
        """
        target = target_of(deliveries[0].target_arn)
        if target.service not in self._senders:
            refusal = DeliveryRefused(f"{target.service} takes no records of invocations")
            return [refusal] * len(deliveries)
        problems: list[Exception | None] = [_refusal(each, target) for each in deliveries]
        left = [number for number, problem in enumerate(problems) if problem is None]
        turns = asyncio.Semaphore(_CALLS_AT_ONCE)

        async def send(call: list[int]) -> None:
            async with turns:
                found = await self._send_in_one_call([deliveries[each] for each in call], target)
            for number, problem in zip(call, found, strict=True):
                problems[number] = problem

        async with asyncio.TaskGroup() as calls:
            for call in _calls(left, deliveries, target):
                calls.create_task(send(call), name=f"call of {target.service}")
        return problems

    async def _send_in_one_call(
        self, deliveries: Sequence[Delivery], target: Target
    ) -> list[Exception | None]:
        first = deliveries[0]
        scope = Scope(account_id=first.account_id, region=target.region or first.region)
        send = partial(self._senders[target.service], deliveries=deliveries, target=target)
        problem: Exception
        try:
            return await self._clients.run(
                target.service, scope, send, within_seconds=_WITHIN_SECONDS
            )
        except NoEndpoint as error:  # nor will there be one while this server runs
            problem = DeliveryRefused(str(error))
        except CallRefused as error:
            problem = _lasting(error, deliveries, target)
        except (Unreachable, RuntimeError) as error:  # the last: no more threads
            problem = error
        return [problem] * len(deliveries)

    def _send_message(
        self, client: Any, *, deliveries: Sequence[Delivery], target: Target
    ) -> list[Exception | None]:
        [delivery] = deliveries
        trace = {"DataType": "String", "StringValue": delivery.trace_header}
        try:
            client.send_message(
                QueueUrl=self._queue_url(client, delivery, target),
                MessageBody=_text(delivery),
                MessageAttributes=_message_attributes(delivery.attributes),
                MessageSystemAttributes={"AWSTraceHeader": trace},
            )
        except client.exceptions.ClientError as error:
            if error.response.get("Error", {}).get("Code") in _NO_SUCH_QUEUE:
                # One of that name may be made again, and need not have the same URL.
                self._queue_urls.pop((delivery.account_id, delivery.target_arn), None)
            raise
        return [None]

    def _queue_url(self, client: Any, delivery: Delivery, target: Target) -> str:
        """Asked for, since every server but AWS's has a form of its own. In several threads."""
        key = (delivery.account_id, delivery.target_arn)
        url = self._queue_urls.get(key)
        if url is None:
            owner = {"QueueOwnerAWSAccountId": target.account_id}
            is_own = target.account_id == delivery.account_id
            answer = client.get_queue_url(QueueName=target.resource, **({} if is_own else owner))
            url = str(answer["QueueUrl"])
            if len(self._queue_urls) >= _QUEUES:
                self._queue_urls.clear()
            self._queue_urls[key] = url
        return url


def _publish(
    client: Any, *, deliveries: Sequence[Delivery], target: Target
) -> list[Exception | None]:
    topic_arn = deliveries[0].target_arn
    messages = [
        {"Message": _text(each), "MessageAttributes": _message_attributes(each.attributes)}
        for each in deliveries
    ]
    if len(messages) == 1:
        client.publish(TopicArn=topic_arn, **messages[0])
        return [None]
    entries = [{"Id": str(number), **each} for number, each in enumerate(messages)]
    answer = client.publish_batch(TopicArn=topic_arn, PublishBatchRequestEntries=entries)
    failed = {each["Id"]: each for each in answer.get("Failed") or ()}
    return [
        _lasting(_told(found["Code"], found.get("Message")), [each], target)
        if (found := failed.get(str(number)))
        else None
        for number, each in enumerate(deliveries)
    ]


def _put_events(
    client: Any, *, deliveries: Sequence[Delivery], target: Target
) -> list[Exception | None]:
    answer = client.put_events(Entries=[_event(each) for each in deliveries])
    return [
        _told(each["ErrorCode"], each.get("ErrorMessage")) if each.get("ErrorCode") else None
        for each in answer["Entries"]
    ]


def _put_object(
    client: Any, *, deliveries: Sequence[Delivery], target: Target
) -> list[Exception | None]:
    [delivery] = deliveries
    client.put_object(
        Bucket=target.resource,
        Key=_object_key(delivery),
        Body=delivery.body,
        ContentType="application/json",
    )
    return [None]


def _told(code: object, message: object) -> CallRefused:
    return CallRefused(str(code)[:_MAX_TOLD], str(message or "")[:_MAX_TOLD])


def _lasting(refused: CallRefused, deliveries: Sequence[Delivery], target: Target) -> Exception:
    """DeliveryRefused, when a topic takes no message as long as this one: trying again is no use.

    Of several in one call, nobody knows which was meant.
    """
    is_too_long = refused.code.startswith("InvalidParameter") and _TOO_LONG.search(refused.message)
    if target.service != "sns" or len(deliveries) > 1 or not is_too_long:
        return refused
    return DeliveryRefused(
        f"the message has {_size(deliveries[0], target)} bytes, and this topic takes fewer "
        f"({_TOPIC_BYTES}, unless it is set up for more): {refused.message}"
    )


def _calls(
    numbers: Sequence[int], deliveries: Sequence[Delivery], target: Target
) -> Iterator[list[int]]:
    """The numbers of those that one call can take together, in their order."""
    call: list[int] = []
    size = 0
    for number in numbers:
        added = _size(deliveries[number], target)
        is_full = (
            len(call) == _CALL_MESSAGES[target.service]
            or size + added > _CALL_BYTES[target.service]
        )
        if call and (is_full or deliveries[number].account_id != deliveries[call[0]].account_id):
            yield call
            call, size = [], 0
        call.append(number)
        size += added
    if call:
        yield call


def _refusal(delivery: Delivery, target: Target) -> DeliveryRefused | None:
    """Why it is not even tried."""
    if target.service in ("sqs", "sns") and target.resource.endswith(".fifo"):
        return DeliveryRefused("FIFO queues and topics take no records of invocations")
    if target.service != "s3" and (size := _size(delivery, target)) > _MESSAGE_BYTES:
        taken = (
            f"a topic takes {_TOPIC_BYTES}, or {_MESSAGE_BYTES} when it is set up for that"
            if target.service == "sns"
            else f"{target.service} takes {_MESSAGE_BYTES} at most"
        )
        return DeliveryRefused(f"the message would have {size} bytes, and {taken}")
    return None


def _size(delivery: Delivery, target: Target) -> int:
    """As the services count it: attributes with their names and types, an event with its ARNs."""
    if target.service == "events":
        entry = _event(delivery)
        texts = [entry["Source"], entry["DetailType"], *entry["Resources"]]
    else:
        attributes = _message_attributes(delivery.attributes)
        texts = [text for name, each in attributes.items() for text in (name, *each.values())]
    return len(delivery.body) + sum(len(text.encode()) for text in texts)


def _event(delivery: Delivery) -> dict[str, Any]:
    has_room = len(delivery.trace_header) <= _TRACE_HEADER_CHARACTERS
    return {
        "Time": _created(delivery),
        "Source": "lambda",
        "DetailType": _DETAIL_TYPE + ("Success" if delivery.is_success else "Failure"),
        "Resources": [delivery.target_arn, delivery.function_arn],
        "Detail": _text(delivery),
        "EventBusName": delivery.target_arn,
        **({"TraceHeader": delivery.trace_header} if has_room else {}),
    }


def _message_attributes(attributes: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """An empty text is no value of one."""
    return {
        name: {"DataType": "Number" if name == "ErrorCode" else "String", "StringValue": value}
        for name, value in attributes.items()
        if value
    }


def _object_key(delivery: Delivery) -> str:
    """In AWS's form. Its UUID is the delivery's: sent a second time, it is the same object."""
    unique = uuid.uuid5(uuid.NAMESPACE_URL, f"{delivery.function_arn}/{delivery.request_id}")
    moment = f"{_created(delivery):%Y/%m/%d/%Y-%m-%dT%H.%M.%S}"
    return f"aws/lambda/async/{delivery.name}/{moment}-{unique}"


def _created(delivery: Delivery) -> datetime:
    return datetime.fromtimestamp(delivery.created_ms / 1000, UTC)


def _text(delivery: Delivery) -> str:
    return delivery.body.decode(errors="replace")
