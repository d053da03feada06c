"""Objects in the neighbour's S3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lambent.aws.clients import AwsClients, Scope


class ObjectTooLarge(Exception):
    """Raised when an object is larger than its reader allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectReference:
    bucket: str
    key: str
    version: str | None = None  # the newest


async def read_object(
    clients: AwsClients, scope: Scope, reference: ObjectReference, *, most_bytes: int
) -> bytes:
    """The whole object.

    Raises ObjectTooLarge, and what AwsClients.run raises.
    """
    parameters = {"Bucket": reference.bucket, "Key": reference.key}
    if reference.version is not None:
        parameters["VersionId"] = reference.version

    def read(client: Any) -> bytes:
        answer = client.get_object(**parameters)
        with answer["Body"] as body:
            # What the answer says of its length is not relied on.
            content: bytes = b"" if answer["ContentLength"] > most_bytes else body.read(most_bytes)
            if answer["ContentLength"] > most_bytes or body.read(1):
                raise ObjectTooLarge(f"{reference.bucket}/{reference.key}")
        return content

    return await clients.run("s3", scope, read)
