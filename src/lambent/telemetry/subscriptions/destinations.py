"""Where log events can be sent: functions of this server, Kinesis streams, Firehose streams."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lambent.aws.clients import CallRefused, NoEndpoint, Scope, Unreachable
from lambent.domain.caller import partition_of
from lambent.domain.errors import ServiceError
from lambent.domain.quotas import EVENT_PAYLOAD_BYTES, MIB
from lambent.telemetry.subscriptions.chains import InvocationChains, furthest, next_headers
from lambent.telemetry.subscriptions.messages import control_message, function_event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambent.aws.clients import AwsClients
    from lambent.domain.log_subscription import LogSubscription
    from lambent.store.log_records import LogEvent
    from lambent.telemetry.subscriptions.chains import Traces
    from lambent.telemetry.subscriptions.messages import SubscriptionMessage

_ARN = re.compile(
    r"arn:aws[a-zA-Z-]*:(?P<vendor>[a-z0-9-]+):(?P<region>[a-z0-9-]*):(?P<account>\d{12}|):(?P<resource>.+)",
    re.ASCII,
)
_FUNCTION_WRAPPING_BYTES = 64  # of what is around the data in a function's event
# https://docs.aws.amazon.com/firehose/latest/dev/limits.html
_FIREHOSE_RECORD_BYTES = 1000 * 1024
_MOST_BYTES = {
    # In base64, four bytes for three.
    "lambda": (EVENT_PAYLOAD_BYTES - _FUNCTION_WRAPPING_BYTES) // 4 * 3,
    "kinesis": MIB,
    "firehose": _FIREHOSE_RECORD_BYTES,
}
_KINDS = {"kinesis": "Kinesis stream", "firehose": "Firehose"}
# Answers after which AWS does not try again.
_FINAL = frozenset(
    {
        *("AccessDeniedException", "ResourceNotFoundException", "InvalidArgumentException"),
        *("ValidationException", "InvalidParameterValueException", "RequestTooLargeException"),
    }
)


class NotDelivered(Exception):
    """Raised when a message could not be sent, with the reason."""

    def __init__(self, reason: str, *, is_final: bool) -> None:
        super().__init__(reason)
        self.is_final = is_final  # trying again would not help


class Destination(NamedTuple):
    """An ARN, taken apart."""

    vendor: str  # the service's name in it
    region: str
    account_id: str
    resource: str


class FunctionInvoker(Protocol):
    """How functions are invoked: asynchronously, and only as their policies allow."""

    async def check(self, *, function_arn: str, source_arn: str, source_account: str) -> None:
        """Raises ServiceError when it must not be invoked."""
        ...

    async def invoke(
        self,
        *,
        function_arn: str,
        source_arn: str,
        source_account: str,
        payload: bytes,
        trace_header: str,
    ) -> str:
        """The request's ID once the event is accepted. Raises ServiceError."""
        ...


def destination_of(arn: str) -> Destination | None:
    """None for what is no ARN."""
    match = _ARN.fullmatch(arn)
    if match is None:
        return None
    return Destination(match["vendor"], match["region"], match["account"], match["resource"])


def source_arn(subscription: LogSubscription) -> str:
    """What functions' policies name as the source: the group, and all in it."""
    region = subscription.region
    return (
        f"arn:{partition_of(region)}:logs:{region}:{subscription.account_id}:"
        f"log-group:{subscription.group}:*"
    )


@dataclass(frozen=True, slots=True)
class Destinations:
    functions: FunctionInvoker
    aws: AwsClients
    chains: InvocationChains

    def most_bytes(self, subscription: LogSubscription) -> int:
        """Of compressed data in one message."""
        return _MOST_BYTES[_vendor(subscription)]

    async def check(self, subscription: LogSubscription) -> None:
        """Raises ServiceError, in AWS's words, when events cannot be sent there."""
        vendor = _vendor(subscription)
        if vendor == "lambda":
            await self._check_function(subscription)
            return
        kind = _KINDS[vendor]
        try:
            await self._put(subscription, control_message(kind), partition_key=uuid.uuid4().hex)
        except NotDelivered as error:
            name = kind if vendor == "kinesis" else "Firehose stream"
            raise ServiceError(
                "InvalidParameterException",
                f"Could not deliver test message to specified {name}. Check if the given "
                f"{vendor} stream is in ACTIVE state. ({error})",
            ) from error

    async def _check_function(self, subscription: LogSubscription) -> None:
        try:
            await self.functions.check(
                function_arn=subscription.destination_arn,
                source_arn=source_arn(subscription),
                source_account=subscription.account_id,
            )
        except ServiceError as error:
            raise ServiceError(
                "InvalidParameterException",
                "Could not execute the lambda function. Make sure you have given CloudWatch Logs "
                "permission to execute your function.",
            ) from error

    def traces_of(self, subscription: LogSubscription, events: Sequence[LogEvent]) -> Traces:
        """What led to these events, all that came to the group since the last time."""
        if _vendor(subscription) != "lambda":
            return {}
        return self.chains.traces_of(subscription.id, events)

    async def send(
        self, subscription: LogSubscription, message: SubscriptionMessage, traces: Traces
    ) -> None:
        """Raises NotDelivered."""
        if _vendor(subscription) == "lambda":
            await self._invoke(subscription, message, furthest(message.events, traces))
        else:
            is_random = subscription.distribution == "Random"
            key = uuid.uuid4().hex if is_random else message.stream[:256]
            await self._put(subscription, message.data, partition_key=key)

    async def _invoke(
        self, subscription: LogSubscription, message: SubscriptionMessage, previous: str | None
    ) -> None:
        arn = subscription.destination_arn
        sent, given = next_headers(previous, ":".join(arn.split(":")[:7]))
        try:
            request_id = await self.functions.invoke(
                function_arn=arn,
                source_arn=source_arn(subscription),
                source_account=subscription.account_id,
                payload=function_event(message.data),
                trace_header=sent,
            )
        except ServiceError as error:
            raise NotDelivered(str(error), is_final=error.code in _FINAL) from error
        self.chains.remember(request_id, given)

    async def _put(self, subscription: LogSubscription, data: bytes, *, partition_key: str) -> None:
        destination = destination_of(subscription.destination_arn)
        assert destination is not None
        _, _, name = destination.resource.partition("/")
        scope = Scope(account_id=subscription.account_id, region=subscription.region)
        try:
            if destination.vendor == "kinesis":
                await self.aws.run(
                    "kinesis",
                    scope,
                    lambda client: client.put_record(
                        StreamName=name, Data=data, PartitionKey=partition_key
                    ),
                )
            else:
                await self.aws.run(
                    "firehose",
                    scope,
                    lambda client: client.put_record(
                        DeliveryStreamName=name, Record={"Data": data}
                    ),
                )
        except CallRefused as error:
            raise NotDelivered(str(error), is_final=error.code in _FINAL) from error
        except (NoEndpoint, Unreachable) as error:
            raise NotDelivered(str(error), is_final=False) from error


def _vendor(subscription: LogSubscription) -> str:
    destination = destination_of(subscription.destination_arn)
    assert destination is not None  # as it was checked when it was stored
    return destination.vendor
