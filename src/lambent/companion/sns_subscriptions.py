"""SNS subscriptions of functions.

The event: https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from moto.sns.exceptions import SNSInvalidParameter
from moto.sns.models import SNSBackend, Subscription
from requests.exceptions import RequestException

from lambent.companion.queues import send_to_queue
from lambent.companion.resource_policies import User
from lambent.companion.seams import replace
from lambent.companion.server_link import ServiceCall
from lambent.companion.traces import trace_header

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from lambent.companion.delivery import Deliveries
    from lambent.companion.server_link import Refused

_SERVICE = "sns.amazonaws.com"
_FUNCTION_ARN = re.compile(
    r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[\w-]+(?::(?:\$LATEST|[\w-]+))?", re.ASCII
)


def install(deliveries: Deliveries) -> None:
    """Take the Lambda protocol out of moto's hands; the others stay in them."""
    publish: Callable[..., None] = Subscription.publish

    def published(subscription: Any, message: str, message_id: str, **options: Any) -> None:
        if subscription.protocol == "lambda":
            _publish(deliveries, subscription, message, message_id, options)
        else:
            # A subscriber that is not reached has been logged; nobody else is to miss the message.
            with contextlib.suppress(RequestException):
                publish(subscription, message, message_id, **options)

    replace(Subscription, "publish", published)
    subscribe: Callable[..., Any] = SNSBackend.subscribe

    def subscribed(backend: Any, topic_arn: str, endpoint: str, protocol: str) -> Any:
        if protocol == "lambda" and not _FUNCTION_ARN.fullmatch(endpoint or ""):
            raise SNSInvalidParameter("Invalid parameter: Lambda endpoint ARN")
        return subscribe(backend, topic_arn, endpoint, protocol)

    replace(SNSBackend, "subscribe", subscribed)


def sns_event(notification: dict[str, Any], subscription_arn: str) -> dict[str, Any]:
    """What a function is invoked with for one message."""
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": subscription_arn,
                "Sns": notification,
            }
        ]
    }


def signature(key: RSAPrivateKey, signed: dict[str, Any], version: str) -> str:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html

    `signed` has its members in the order of their names; what is None is not signed.
    """
    text = "".join(f"{name}\n{value}\n" for name, value in signed.items() if value is not None)
    # What SNS itself signs with unless a topic's SignatureVersion is 2.
    algorithm = hashes.SHA256() if version == "2" else hashes.SHA1()
    return base64.b64encode(key.sign(text.encode(), PKCS1v15(), algorithm)).decode()


def _publish(
    deliveries: Deliveries,
    subscription: Any,
    message: str,
    message_id: str,
    options: dict[str, Any],
) -> None:
    attributes = options.get("message_attributes") or {}
    matcher = subscription._filter_policy_matcher
    if matcher is not None and not matcher.matches(attributes, message):
        return
    if options.get("message_structure") == "json":
        message = subscription._parse_message_structure(message, subscription.protocol)
    notification = _notification(
        subscription, message, message_id, options.get("subject"), attributes
    )

    def give_up(refused: Refused) -> None:
        _dead_letter(subscription, notification, refused)

    event = sns_event(notification, subscription.arn)
    deliveries.send(_call(subscription, json.dumps(event)), give_up)


def _call(subscription: Any, payload: str) -> ServiceCall:
    return ServiceCall(
        service=_SERVICE,
        function_arn=subscription.endpoint,
        source_arn=subscription.topic.arn,
        source_account=subscription.topic.account_id,
        payload=payload,
        trace_header=trace_header(),
    )


def _notification(
    subscription: Any,
    message: str,
    message_id: str,
    subject: str | None,
    attributes: dict[str, Any],
) -> dict[str, Any]:
    # moto gives the certificate it makes an address; its signature leaves out the subject.
    made = subscription.get_post_data(message, message_id, subject)
    region = subscription.topic.sns_backend.region_name
    version = str(getattr(subscription.topic, "signature_version", None) or "1")
    signed = {
        "Message": message,
        "MessageId": message_id,
        "Subject": subject,
        "Timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "TopicArn": subscription.topic.arn,
        "Type": "Notification",
    }
    return {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": signed["TopicArn"],
        "Subject": subject,
        "Message": message,
        "Timestamp": signed["Timestamp"],
        "SignatureVersion": version,
        "Signature": signature(subscription.private_key(), signed, version),
        "SigningCertUrl": made["SigningCertURL"],
        "UnsubscribeUrl": f"https://sns.{region}.amazonaws.com/?Action=Unsubscribe"
        f"&SubscriptionArn={subscription.arn}",
        "MessageAttributes": attributes,
    }


def _dead_letter(subscription: Any, notification: dict[str, Any], refused: Refused) -> None:
    """The message, in the form queues get it, into the subscription's own dead-letter queue."""
    policy = subscription.attributes.get("RedrivePolicy")
    if not policy:
        return
    body = {name.replace("Url", "URL"): value for name, value in notification.items() if value}
    attributes = {"ErrorCode": refused.code, "ErrorMessage": str(refused)}
    topic = subscription.topic
    sender = User(account_id=topic.account_id, service=_SERVICE, source_arn=topic.arn)
    send_to_queue(json.loads(policy)["deadLetterTargetArn"], json.dumps(body), sender, attributes)
