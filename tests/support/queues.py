"""Queues of neighbouring SQS, of whichever implementation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.neighbours import Neighbours


@dataclass(frozen=True)
class Queue:
    client: Any
    url: str
    arn: str

    def receive(self, seconds: float = 30) -> dict[str, Any]:
        """The next message with all its attributes, which is then deleted."""
        message: dict[str, Any] = eventually(self._take, f"a message in {self.arn}", seconds)[0]
        return message

    def drain(self, wait_seconds: int = 0) -> list[dict[str, Any]]:
        """Every message there is now, or comes in so many seconds; they are deleted."""
        messages = []
        while taken := self._take(wait_seconds, most=10):
            messages += taken
            wait_seconds = 0
        return messages

    def _take(self, wait_seconds: int = 1, most: int = 1) -> list[dict[str, Any]]:
        answer = self.client.receive_message(
            QueueUrl=self.url,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
            WaitTimeSeconds=wait_seconds,
            MaxNumberOfMessages=most,
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        if messages:
            self.client.delete_message_batch(
                QueueUrl=self.url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(messages)
                ],
            )
        return messages


def create_queue(neighbours: Neighbours, name: str, **attributes: str) -> Queue:
    client = neighbours.client("sqs")
    url = client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return Queue(client, url, answer["Attributes"]["QueueArn"])
