"""Objects in the neighbour's S3."""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambent.aws.clients import Unreachable

if TYPE_CHECKING:
    from lambent.aws.clients import AwsClients, Scope

_WITHIN_SECONDS = 300.0
_PIECE_BYTES = 256 * 1024


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
    """The whole object, in five minutes at most.

    Raises ObjectTooLarge, and what AwsClients.run raises.
    """
    parameters = {"Bucket": reference.bucket, "Key": reference.key}
    if reference.version is not None:
        parameters["VersionId"] = reference.version
    is_unwanted = threading.Event()

    def read(client: Any) -> bytes | None:
        answer = client.get_object(**parameters)
        with answer["Body"] as body:
            return _read(body, answer.get("ContentLength"), most_bytes, is_unwanted)

    try:
        content = await clients.run("s3", scope, read, within_seconds=_WITHIN_SECONDS)
    finally:
        is_unwanted.set()  # the thread reads on when its caller has left, or waited long enough
    if content is None:
        raise ObjectTooLarge(f"{reference.bucket}/{reference.key}")
    return content


def _read(
    body: Any, length: int | None, most_bytes: int, is_unwanted: threading.Event
) -> bytes | None:
    """None when it is more than `most_bytes`, whatever `length` says; Unreachable for less."""
    content = io.BytesIO()
    if length is not None and length > most_bytes:
        return None
    # What has come, however little: a whole piece may take for ever to come.
    while piece := body.read1(_PIECE_BYTES):
        if is_unwanted.is_set():
            raise Unreachable("the object was not read in time")
        if content.tell() + len(piece) > most_bytes:
            return None
        content.write(piece)
    if length is not None and content.tell() < length:
        raise Unreachable(f"the object ended after {content.tell()} of {length} bytes")
    return content.getvalue()  # without copying it
