"""What moto leaves out of an AWS::S3::Bucket: its notifications and its versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.s3.models import FakeBucket, s3_backends

if TYPE_CHECKING:
    from collections.abc import Callable

# The template's member -> S3's own, and what names the destination in each.
_DESTINATIONS = {
    "LambdaConfigurations": ("CloudFunctionConfiguration", "Function", "CloudFunction"),
    "QueueConfigurations": ("QueueConfiguration", "Queue", "Queue"),
    "TopicConfigurations": ("TopicConfiguration", "Topic", "Topic"),
}


def replace_moto() -> None:
    """Puts this around what moto does. Once."""
    for name in ("create_from_cloudformation_json", "update_from_cloudformation_json"):
        setattr(FakeBucket, name, classmethod(_configuring(getattr(FakeBucket, name))))


def _configuring(method: Callable[..., FakeBucket]) -> Callable[..., FakeBucket]:
    def configured(cls: type[FakeBucket], *arguments: Any, **named: Any) -> FakeBucket:
        bucket = method(*arguments, **named)
        described = named.get("cloudformation_json") or arguments[1]
        properties = described.get("Properties", {})
        _set_versions(bucket, properties.get("VersioningConfiguration"))
        wanted = notifications(properties.get("NotificationConfiguration") or {})
        if wanted or bucket.notification_configuration:
            bucket.set_notification_configuration(wanted)
        return bucket

    return configured


def _set_versions(bucket: FakeBucket, wanted: Any) -> None:
    if wanted:
        backend = s3_backends[bucket.account_id][bucket.partition]
        backend.put_bucket_versioning(bucket.name, wanted["Status"])


def notifications(described: dict[str, Any]) -> dict[str, Any]:
    """A template's NotificationConfiguration as S3's API has it."""
    made: dict[str, Any] = {}
    for member, (name, named_here, named_there) in _DESTINATIONS.items():
        for each in described.get(member, ()):
            rules = each.get("Filter", {}).get("S3Key", {}).get("Rules", [])
            one = {named_there: each[named_here], "Event": [each["Event"]]}
            if rules:
                one["Filter"] = {"S3Key": {"FilterRule": rules}}
            made.setdefault(name, []).append(one)
    if "EventBridgeConfiguration" in described:
        made["EventBridgeConfiguration"] = {}
    return made
