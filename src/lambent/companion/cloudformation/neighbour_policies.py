"""Resources between the companion's own services that moto's CloudFormation does not have.

A function's triggers need them: a topic's subscription, who may send to a queue or a topic.
"""

from __future__ import annotations

import json
from typing import Any

from moto.s3.models import s3_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from lambent.companion.cloudformation.resource_type import (
    Made,
    Place,
    Properties,
    ResourceType,
)

_ATTRIBUTES = (
    "DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy",
    "SubscriptionRoleArn",
)  # fmt: skip


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _topics(place: Place) -> Any:
    return sns_backends[place.account_id][place.region]


def _subscribe(place: Place, properties: Properties) -> Made:
    topics = _topics(place)
    made = topics.subscribe(properties["TopicArn"], properties["Endpoint"], properties["Protocol"])
    _set_attributes(place, made.arn, properties)
    return Made(physical_id=made.arn, attributes={"Arn": made.arn})


def _set_attributes(place: Place, arn: str, properties: Properties) -> None:
    for name in _ATTRIBUTES:
        if name in properties:
            _topics(place).set_subscription_attributes(arn, name, _text(properties[name]))


def _resubscribe(place: Place, made: Made, new: Properties, old: Properties) -> Made:
    _set_attributes(place, made.physical_id, new)
    return made


def _unsubscribe(place: Place, made: Made, properties: Properties) -> None:
    _topics(place).unsubscribe(made.physical_id)


def _set_topic_policies(place: Place, properties: Properties) -> Made:
    for topic in properties["Topics"]:
        policy = json.dumps(properties["PolicyDocument"])
        _topics(place).set_topic_attribute(topic, "Policy", policy)
    return Made(physical_id=place.generated_name(255))


def _set_queue_policies(place: Place, properties: Properties) -> Made:
    policy = json.dumps(properties["PolicyDocument"])
    _policy_of_queues(place, properties, policy)
    return Made(physical_id=place.generated_name(255))


def _policy_of_queues(place: Place, properties: Properties, policy: str) -> None:
    queues = sqs_backends[place.account_id][place.region]
    for url in properties["Queues"]:
        name = str(url).rsplit("/", 1)[-1]
        if name in queues.queues:
            queues.set_queue_attributes(name, {"Policy": policy})


def _clear_queue_policies(place: Place, made: Made, properties: Properties) -> None:
    _policy_of_queues(place, properties, "")


def _set_bucket_policy(place: Place, properties: Properties) -> Made:
    bucket = str(properties["Bucket"])
    policy = json.dumps(properties["PolicyDocument"]).encode()
    s3_backends[place.account_id]["aws"].put_bucket_policy(bucket, policy)
    return Made(physical_id=bucket)


def _delete_bucket_policy(place: Place, made: Made, properties: Properties) -> None:
    buckets = s3_backends[place.account_id]["aws"]
    if made.physical_id in buckets.buckets:
        buckets.delete_bucket_policy(made.physical_id)


def _nothing(place: Place, properties: Properties) -> Made:
    return Made(physical_id=place.generated_name(255))


def _leave(place: Place, made: Made, properties: Properties) -> None:
    """Nothing to delete: what it was about is deleted with what it belongs to."""


def _keep(place: Place, made: Made, new: Properties, old: Properties) -> Made:
    return made


SUBSCRIPTION = ResourceType(
    name="AWS::SNS::Subscription",
    properties=frozenset({"Endpoint", "Protocol", "Region", "TopicArn", *_ATTRIBUTES}),
    attributes=frozenset({"Arn"}),
    replaced_by=frozenset({"Endpoint", "Protocol", "TopicArn"}),
    create=_subscribe,
    update=_resubscribe,
    delete=_unsubscribe,
)
TOPIC_POLICY = ResourceType(
    name="AWS::SNS::TopicPolicy",
    properties=frozenset({"PolicyDocument", "Topics"}),
    attributes=frozenset({"Id"}),
    create=_set_topic_policies,
    delete=_leave,
)
QUEUE_POLICY = ResourceType(
    name="AWS::SQS::QueuePolicy",
    properties=frozenset({"PolicyDocument", "Queues"}),
    attributes=frozenset({"Id"}),
    create=_set_queue_policies,
    delete=_clear_queue_policies,
)
BUCKET_POLICY = ResourceType(
    name="AWS::S3::BucketPolicy",
    properties=frozenset({"Bucket", "PolicyDocument"}),
    attributes=frozenset(),
    create=_set_bucket_policy,
    delete=_delete_bucket_policy,
)
# What the CDK says about itself: AWS, too, makes nothing of it.
CDK_METADATA = ResourceType(
    name="AWS::CDK::Metadata",
    properties=frozenset({"Analytics"}),
    attributes=frozenset(),
    create=_nothing,
    update=_keep,
    delete=_leave,
)
