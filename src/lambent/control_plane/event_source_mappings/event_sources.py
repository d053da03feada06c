"""What Lambda reads events from, and what a mapping of each may, must and need not say. Data only.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html and the parameters
pages of each source in the developer guide; the defaults are as in recorded answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_COMMON = frozenset({"BatchSize", "MaximumBatchingWindowInSeconds", "FilterCriteria", "KMSKeyArn"})
_ERROR_HANDLING = frozenset(
    {
        "BisectBatchOnFunctionError",
        "DestinationConfig",
        "FunctionResponseTypes",
        "MaximumRecordAgeInSeconds",
        "MaximumRetryAttempts",
        "MetricsConfig",
        "StartingPosition",
        "StartingPositionTimestamp",
    }
)
_KAFKA = _ERROR_HANDLING | {
    "LoggingConfig",
    "ProvisionedPollerConfig",
    "SourceAccessConfigurations",
    "Topics",
}
_ANYWHERE = frozenset({"TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSource:
    """One kind of source."""

    name: str
    # What ARNs of it have after the account.
    resource: re.Pattern[str] | None = None
    service: str | None = None  # in ARNs
    members: frozenset[str]  # what a mapping may say beside _COMMON
    required: tuple[str, ...] = ()
    # What is answered where nothing was said.
    defaults: Mapping[str, object]
    starting_positions: frozenset[str] = frozenset()
    access_types: frozenset[str] = frozenset()  # of SourceAccessConfigurations
    transition_reason: str = "USER_INITIATED"
    has_processing_result: bool = True
    # The member with the identifier of the consumer group, where there is one.
    consumer_group_member: str | None = None
    fewest_pollers: int = 1
    metrics: frozenset[str] = frozenset({"EventCount"})

    @property
    def is_kafka(self) -> bool:
        return self.consumer_group_member is not None

    def allows(self, member: str) -> bool:
        return member in _COMMON or member in self.members


_STREAM_MEMBERS = _ERROR_HANDLING | {"ParallelizationFactor", "TumblingWindowInSeconds"}
_STREAM_DEFAULTS: Mapping[str, object] = {
    "BatchSize": 100,
    "BisectBatchOnFunctionError": False,
    "DestinationConfig": {"OnFailure": {}},
    "FunctionResponseTypes": [],
    "MaximumBatchingWindowInSeconds": 0,
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "ParallelizationFactor": 1,
    "TumblingWindowInSeconds": 0,
}

SQS = EventSource(
    name="SQS",
    service="sqs",
    resource=re.compile(r"[a-zA-Z0-9_-]{1,80}(?:\.fifo)?", re.ASCII),
    members=frozenset(
        {"FunctionResponseTypes", "MetricsConfig", "ProvisionedPollerConfig", "ScalingConfig"}
    ),
    defaults={"BatchSize": 10, "FunctionResponseTypes": [], "MaximumBatchingWindowInSeconds": 0},
    has_processing_result=False,
    fewest_pollers=2,
)
KINESIS = EventSource(
    name="Kinesis",
    service="kinesis",
    resource=re.compile(
        r"stream/[a-zA-Z0-9_.-]{1,128}(?:/consumer/[a-zA-Z0-9_.-]{1,128}:\d+)?", re.ASCII
    ),
    members=_STREAM_MEMBERS,
    required=("StartingPosition",),
    defaults=_STREAM_DEFAULTS,
    starting_positions=_ANYWHERE,
    transition_reason="User action",
)
DYNAMODB = EventSource(
    name="DynamoDB",
    service="dynamodb",
    resource=re.compile(r"table/[a-zA-Z0-9_.-]{3,255}/stream/[^/]{1,64}", re.ASCII),
    members=_STREAM_MEMBERS,
    required=("StartingPosition",),
    defaults=_STREAM_DEFAULTS,
    starting_positions=_ANYWHERE - {"AT_TIMESTAMP"},
    transition_reason="User action",
)
MSK = EventSource(
    name="MSK",
    service="kafka",
    resource=re.compile(r"(?:cluster|(?:cluster-)?vpc-connection)/[^\s]{1,1024}", re.ASCII),
    members=_KAFKA | {"AmazonManagedKafkaEventSourceConfig"},
    required=("Topics",),
    defaults={"BatchSize": 100, "StartingPosition": "TRIM_HORIZON"},
    starting_positions=_ANYWHERE,
    access_types=frozenset({"SASL_SCRAM_512_AUTH", "CLIENT_CERTIFICATE_TLS_AUTH"}),
    consumer_group_member="AmazonManagedKafkaEventSourceConfig",
    metrics=frozenset({"EventCount", "ErrorCount", "KafkaMetrics"}),
)
SELF_MANAGED_KAFKA = EventSource(
    name="self-managed Kafka",
    members=_KAFKA | {"SelfManagedEventSource", "SelfManagedKafkaEventSourceConfig"},
    required=("SelfManagedEventSource", "Topics", "SourceAccessConfigurations"),
    defaults={"BatchSize": 100, "StartingPosition": "TRIM_HORIZON"},
    starting_positions=_ANYWHERE,
    access_types=frozenset(
        {
            "BASIC_AUTH",
            "CLIENT_CERTIFICATE_TLS_AUTH",
            "IAM_AUTH",
            "IAM_OAUTHBEARER_AUTH",
            "OAUTHBEARER_AUDIENCE",
            "OAUTHBEARER_AUTH",
            "OAUTHBEARER_IDENTITY_POOL",
            "OAUTHBEARER_LOGICAL_CLUSTER",
            "OAUTHBEARER_SCOPE",
            "SASL_SCRAM_256_AUTH",
            "SASL_SCRAM_512_AUTH",
            "SERVER_ROOT_CA_CERTIFICATE",
            "VPC_SECURITY_GROUP",
            "VPC_SUBNET",
        }
    ),
    consumer_group_member="SelfManagedKafkaEventSourceConfig",
    metrics=frozenset({"EventCount", "ErrorCount", "KafkaMetrics"}),
)
MQ = EventSource(
    name="MQ",
    service="mq",
    resource=re.compile(r"broker:[^\s]{1,256}", re.ASCII),
    members=frozenset({"Queues", "SourceAccessConfigurations"}),
    required=("Queues", "SourceAccessConfigurations"),
    defaults={"BatchSize": 100},
    access_types=frozenset({"BASIC_AUTH", "VIRTUAL_HOST"}),
)
DOCUMENTDB = EventSource(
    name="DocumentDB",
    service="rds",
    resource=re.compile(r"cluster:[^\s]{1,256}", re.ASCII),
    members=frozenset(
        {
            "DocumentDBEventSourceConfig",
            "SourceAccessConfigurations",
            "StartingPosition",
            "StartingPositionTimestamp",
        }
    ),
    required=("DocumentDBEventSourceConfig", "SourceAccessConfigurations"),
    defaults={"BatchSize": 100, "StartingPosition": "LATEST"},
    starting_positions=_ANYWHERE,
    access_types=frozenset({"BASIC_AUTH"}),
)

_BY_SERVICE = {source.service: source for source in (SQS, KINESIS, DYNAMODB, MSK, MQ, DOCUMENTDB)}


def event_source(arn: str | None) -> EventSource | None:
    """The kind of what `arn` names; Kafka of one's own has no ARN. None for everything else."""
    if arn is None:
        return SELF_MANAGED_KAFKA
    _, _, service, _, _, resource = arn.split(":", 5)
    source = _BY_SERVICE.get(service)
    if source is None or source.resource is None or not source.resource.fullmatch(resource):
        return None
    return source


def is_fifo(arn: str | None) -> bool:
    """Whether it is the ARN of a queue that keeps an order."""
    return arn is not None and arn.split(":")[2] == "sqs" and arn.endswith(".fifo")
