"""Event source mappings: which function is invoked with what comes from which source.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
"""

from __future__ import annotations

from dataclasses import dataclass

from lambent.domain.caller import partition_of
from lambent.domain.records import AccountRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSourceMapping(AccountRecord):
    """Its id is the UUID."""

    event_source_arn: str | None  # None: Kafka of one's own, whose brokers are in `settings`
    # With the qualifier as it was given. The mapping stays when the function is deleted.
    function_arn: str
    is_enabled: bool
    # The other members of the model's EventSourceMappingConfiguration, as they are answered;
    # StartingPositionTimestamp in seconds since 1970.
    settings: dict[str, object]
    last_modified: float  # seconds since 1970
    tags: dict[str, str]

    @property
    def arn(self) -> str:
        return (
            f"arn:{partition_of(self.region)}:lambda:{self.region}:{self.account_id}:"
            f"event-source-mapping:{self.id}"
        )
