"""Messages into the companion's queues: of rules, and of what no function took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.sqs.models import sqs_backends

if TYPE_CHECKING:
    from collections.abc import Mapping


def send_to_queue(
    queue_arn: str,
    body: str,
    attributes: Mapping[str, str] | None = None,
    *,
    group_id: str | None = None,
) -> None:
    """A message for the queue of the companion's own. Raises what moto does if there is none."""
    _, _, _, region, account_id, name = queue_arn.split(":", 5)
    described = {
        key: {"DataType": "String", "StringValue": value}
        for key, value in (attributes or {}).items()
    }
    sqs_backends[account_id][region].send_message(
        name, body, message_attributes=described, group_id=group_id
    )
