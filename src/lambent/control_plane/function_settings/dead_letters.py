"""DeadLetterConfig: the queue or topic for events that a function did not manage.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lambent.domain.errors import invalid_parameter_value

if TYPE_CHECKING:
    from collections.abc import Mapping

_TARGET = re.compile(
    r"arn:aws[a-zA-Z-]*:(?:sqs|sns):[a-z0-9-]+:\d{12}:(?P<name>[a-zA-Z0-9-_.]{1,256})", re.ASCII
)


def requested_dead_letter_arn(requested: Mapping[str, str]) -> str | None:
    """None when `requested` takes it away. Raises ServiceError for what cannot be one."""
    arn = requested.get("TargetArn")
    if not arn:
        return None
    target = _TARGET.fullmatch(arn)
    if target is None:
        raise invalid_parameter_value(
            f"The dead-letter target {arn} must be the ARN of an SQS queue or of an SNS topic."
        )
    if target["name"].endswith(".fifo"):
        # An event carries no group of messages, which both kinds of FIFO need.
        raise invalid_parameter_value(
            f"The dead-letter target {arn} must be a standard queue or topic: FIFO ones are not "
            "supported."
        )
    return arn
