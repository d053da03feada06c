"""S3's notifications: exact event documents, and functions that are Lambent's.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

from __future__ import annotations

import base64
import json
import logging
import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus
from uuid import uuid4
from xml.sax.saxutils import escape

import flask
from moto.s3 import notifications
from moto.s3.models import FakeBucket, S3Backend

from lambent.companion.events.rules import send_to_buses
from lambent.companion.seams import replace
from lambent.companion.server_link import Refused, ServerLink, ServiceCall
from lambent.companion.traces import trace_header

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.companion.delivery import Deliveries

logger = logging.getLogger(__name__)

_SERVICE = "s3.amazonaws.com"
# Only what S3 does without being asked is versioned 2.3; puts and deletes are 2.1:
# recorded from AWS, where the documentation says "2.1, 2.2 or 2.3".
_EVENT_VERSION = "2.1"
_REASONS = {
    "Put": "PutObject",
    "Post": "POST Object",
    "Copy": "CopyObject",
    "CompleteMultipartUpload": "CompleteMultipartUpload",
    "Delete": "DeleteObject",
    "DeleteMarkerCreated": "DeleteObject",
}
_DELETION_TYPES = {
    "Delete": "Permanently Deleted",
    "DeleteMarkerCreated": "Delete Marker Created",
}


def install(server: ServerLink, deliveries: Deliveries) -> None:
    """Replace what moto sends, and have it check whom it may send to."""

    def invoke(account_id: str, event: dict[str, Any], function_arn: str, _region: str) -> None:
        deliveries.send(_call(account_id, event, function_arn), give_up=_nobody_else)

    def send_to_event_bridge(account_id: str, bucket: Any, event_name: str, key: Any) -> None:
        event = bus_event(account_id, bucket, event_name, key)
        send_to_buses(account_id, bucket.region_name, event)

    replace(notifications, "_get_s3_event", s3_event)
    replace(notifications, "_invoke_awslambda", invoke)
    replace(notifications, "_send_event_bridge_message", send_to_event_bridge)
    _check_destinations(server)
    _correct_occasions()


def s3_event(event_name: str, bucket: Any, key: Any, notification_id: str) -> dict[str, Any]:
    """The document of one event, as functions, queues and topics get it."""
    owner = bucket.account_id
    return {
        "Records": [
            {
                "eventVersion": _EVENT_VERSION,
                "eventSource": "aws:s3",
                "awsRegion": bucket.region_name,
                "eventTime": _timestamp(),
                "eventName": event_name.removeprefix("s3:"),
                "userIdentity": {"principalId": f"AWS:{owner}"},
                "requestParameters": {"sourceIPAddress": _source_address()},
                "responseElements": {
                    "x-amz-request-id": _request_id(),
                    "x-amz-id-2": base64.b64encode(secrets.token_bytes(56)).decode(),
                },
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "configurationId": notification_id,
                    "bucket": {
                        "name": bucket.name,
                        "ownerIdentity": {"principalId": owner},
                        "arn": bucket.arn,
                    },
                    "object": _object(event_name, bucket, key),
                },
            }
        ]
    }


def bus_event(account_id: str, bucket: Any, event_name: str, key: Any) -> dict[str, Any]:
    """The same for EventBridge.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """
    kind, action = event_name.removeprefix("s3:").split(":", 1)
    detail: dict[str, Any] = {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": _bus_object(kind, bucket, key),
        "request-id": _request_id(),
        "requester": account_id,
        "source-ip-address": _source_address(),
    }
    if kind in ("ObjectCreated", "ObjectRemoved"):  # the others have none, as recorded
        detail["reason"] = _REASONS.get(action, action)
    if kind == "ObjectRemoved":
        detail["deletion-type"] = _DELETION_TYPES.get(action, action)
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": notifications._detail_type(event_name),
        "source": "aws.s3",
        "account": account_id,
        "time": time.time(),
        "region": bucket.region_name,
        "resources": [bucket.arn],
        "detail": detail,
    }


def _object(event_name: str, bucket: Any, key: Any) -> dict[str, Any]:
    # "/" stays as it is in keys: recorded from AWS, and what urllib.parse.unquote_plus expects.
    described: dict[str, Any] = {"key": quote_plus(key.name, safe="/")}
    if not event_name.startswith("s3:ObjectRemoved:"):
        described["size"] = key.size
        described["eTag"] = key.etag.strip('"')
    if bucket.is_versioned:
        described["versionId"] = key.version_id
    return described | {"sequencer": _sequencer()}


def _bus_object(kind: str, bucket: Any, key: Any) -> dict[str, Any]:
    described: dict[str, Any] = {"key": key.name}
    if kind == "ObjectCreated":
        described["size"] = key.size
    if kind != "ObjectRemoved":
        described["etag"] = key.etag.strip('"')
    if bucket.is_versioned:
        described["version-id"] = key.version_id
    # Tags and access lists have no order that a consumer could restore.
    is_ordered = kind in ("ObjectCreated", "ObjectRemoved")
    return described | ({"sequencer": _sequencer()} if is_ordered else {})


def _call(account_id: str, event: dict[str, Any], function_arn: str) -> ServiceCall:
    return ServiceCall(
        service=_SERVICE,
        function_arn=function_arn,
        source_arn=event["Records"][0]["s3"]["bucket"]["arn"],
        source_account=account_id,
        payload=json.dumps(event),
        trace_header=trace_header(),
    )


def _nobody_else(_refused: Refused) -> None:
    """S3 has no dead-letter queues: an event that nobody takes is gone, as the log says."""


def _check_destinations(server: ServerLink) -> None:
    """Refuse a configuration with functions that S3 may not invoke, as S3 does."""
    configure: Callable[[Any, Any], None] = FakeBucket.set_notification_configuration

    def checked(bucket: Any, configuration: dict[str, Any] | None) -> None:
        if configuration and not _skips_validation():
            functions = configuration.get("CloudFunctionConfiguration") or []
            _check(server, bucket, [each["CloudFunction"] for each in functions])
        configure(bucket, configuration)

    replace(FakeBucket, "set_notification_configuration", checked)


def _correct_occasions() -> None:
    """Tell of delete markers, which moto does not, and not of tags that an object came with."""
    send: Callable[..., None] = notifications.send_event
    mark: Callable[..., Any] = S3Backend._set_delete_marker
    events = notifications.S3NotificationEvent

    def sent(account_id: str, event_name: Any, bucket: Any, key: Any) -> None:
        if event_name != events.OBJECT_TAGGING_PUT_EVENT or _is_about_tags():
            send(account_id, event_name, bucket, key)

    def marked(backend: Any, bucket_name: str, key_name: str) -> Any:
        marker = mark(backend, bucket_name, key_name)
        bucket = backend.get_bucket(bucket_name)
        event_name = events.OBJECT_REMOVED_DELETE_MARKER_CREATED_EVENT
        notifications.send_event(backend.account_id, event_name, bucket, marker)
        return marker

    replace(notifications, "send_event", sent)
    replace(S3Backend, "_set_delete_marker", marked)


def _is_about_tags() -> bool:
    return not flask.has_request_context() or "tagging" in flask.request.args


def _skips_validation() -> bool:
    name = "x-amz-skip-destination-validation"
    return flask.has_request_context() and flask.request.headers.get(name, "").lower() == "true"


def _check(server: ServerLink, bucket: Any, function_arns: list[str]) -> None:
    refused = []
    for function_arn in function_arns:
        try:
            server.check(_empty_call(bucket, function_arn))
        except Refused as error:
            logger.warning("S3 may not invoke %s for %s: %s", function_arn, bucket.arn, error)
            refused.append(function_arn)
    if refused:
        # moto's own errors have no place for which functions it is about.
        flask.abort(flask.Response(_refusal(refused), 400, content_type="application/xml"))


def _empty_call(bucket: Any, function_arn: str) -> ServiceCall:
    return ServiceCall(
        service=_SERVICE,
        function_arn=function_arn,
        source_arn=bucket.arn,
        source_account=bucket.account_id,
        payload="{}",
    )


def _refusal(function_arns: list[str]) -> str:
    arguments = "".join(
        f"<ArgumentName{number}>{escape(function_arn)}, null</ArgumentName{number}>"
        f"<ArgumentValue{number}>Not authorized to invoke function [{escape(function_arn)}]"
        f"</ArgumentValue{number}>"
        for number, function_arn in enumerate(function_arns, 1)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>InvalidArgument</Code>'
        "<Message>Unable to validate the following destination configurations</Message>"
        f"{arguments}<RequestId>{_request_id()}</RequestId></Error>"
    )


def _timestamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _source_address() -> str:
    if not flask.has_request_context():
        return "127.0.0.1"
    return flask.request.remote_addr or "127.0.0.1"


def _request_id() -> str:
    return secrets.token_hex(8).upper()


def _sequencer() -> str:
    """Hexadecimal, and greater for what came later."""
    return f"{time.time_ns():018X}"
