"""Messages into the companion's queues: of rules, and of what no function took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.sqs.models import sqs_backends

from lambent.companion.resource_policies import User, allows

if TYPE_CHECKING:
    from collections.abc import Mapping


def send_to_queue(
    queue_arn: str,
    body: str,
    sender: User,
    attributes: Mapping[str, str] | None = None,
    *,
    group_id: str | None = None,
) -> None:
    """A message for the queue of the companion's own.

    Raises what moto does if there is none, and PermissionError if it is another account's and its
    policy does not allow it.
    """
    _, _, _, region, account_id, name = queue_arn.split(":", 5)
    described = {
        key: {"DataType": "String", "StringValue": value}
        for key, value in (attributes or {}).items()
    }
    queues = sqs_backends[account_id][region]
    if account_id != sender.account_id and not allows(
        queues.get_queue(name).policy, sender, action="SQS:SendMessage", resource=queue_arn
    ):
        raise PermissionError(f"no policy of {queue_arn} allows it to {sender.service}")
    queues.send_message(name, body, message_attributes=described, group_id=group_id)
