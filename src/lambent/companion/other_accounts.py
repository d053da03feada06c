"""Where moto's SNS and S3 hand out what is another account's: refused without a policy for it."""

from __future__ import annotations

import contextlib
import contextvars
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from moto.s3.exceptions import BucketAccessDeniedError
from moto.s3.models import S3Backend
from moto.s3.responses import S3Response
from moto.sns.exceptions import SNSException
from moto.sns.models import SNSBackend
from moto.sns.responses import SNSResponse

from lambent.companion.resource_policies import ANY_SERVICE, User, allows
from lambent.companion.seams import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Parts of a bucket or an object that are asked for by a name in the query, and how actions call
# them: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
_PARTS_OF_OBJECTS = {
    "acl": "ObjectAcl",
    "attributes": "ObjectAttributes",
    "legal-hold": "ObjectLegalHold",
    "retention": "ObjectRetention",
    "tagging": "ObjectTagging",
    "torrent": "ObjectTorrent",
}
_VERBS = {"GET": "Get", "HEAD": "Get", "PUT": "Put", "POST": "Put", "DELETE": "Delete"}
# Of the query of a request for a bucket itself, and not for a part of it.
_OF_LISTS = frozenset(
    {
        *("continuation-token", "delimiter", "encoding-type", "fetch-owner", "list-type", "marker"),
        *("max-keys", "prefix", "start-after"),
    }
)
_OF_ANYBODY = frozenset({"s3:GetObject", "s3:PutObject"})


class NotAuthorized(SNSException):
    """Raised for the use of a topic without permission."""

    code = "AuthorizationError"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request to S3 wants, for the bucket it names and for the one it copies from."""

    action: str
    bucket: str
    key: str | None  # None: the bucket itself
    source: str = ""  # the bucket
    source_key: str = ""
    is_anonymous: bool = False


_topic_action: contextvars.ContextVar[str | None] = contextvars.ContextVar("sns", default=None)
_asked: contextvars.ContextVar[Asked | None] = contextvars.ContextVar("s3", default=None)


def install() -> None:
    """Have both look at policies before they hand out what is not the caller's account's."""
    _check_topics()
    _note_requests()
    _check_buckets()


def action_on_object(method: str, query: dict[str, str]) -> str:
    """The action that a request for an object needs the permission of."""
    part = next((name for key, name in _PARTS_OF_OBJECTS.items() if key in query), "Object")
    if "uploadId" in query and method in ("GET", "DELETE"):
        return "s3:ListMultipartUploadParts" if method == "GET" else "s3:AbortMultipartUpload"
    return f"s3:{_VERBS.get(method, 'Get')}{part}"


def action_on_bucket(method: str, query: dict[str, str]) -> str:
    """The action that a request for a bucket needs; on its objects, if it ends with `Object`."""
    parts = [each for each in query if each not in _OF_LISTS and not each.lower().startswith("x-")]
    if method == "POST":
        return "s3:DeleteObject" if "delete" in query else "s3:PutObject"
    if not parts:
        return {"DELETE": "s3:DeleteBucket", "PUT": "s3:CreateBucket"}.get(method, "s3:ListBucket")
    if parts[0] in ("uploads", "versions"):
        return f"s3:ListBucket{'MultipartUploads' if parts[0] == 'uploads' else 'Versions'}"
    return f"s3:{_VERBS.get(method, 'Get')}Bucket{parts[0]}"


def _check_topics() -> None:
    answer: Callable[..., Any] = SNSResponse.call_action
    get: Callable[..., Any] = SNSBackend.get_topic

    def answered(response: Any) -> Any:
        with _noting(_topic_action, response._get_action()):
            return answer(response)

    def got(backend: Any, arn: str) -> Any:
        topic, action = get(backend, arn), _topic_action.get()
        if topic.account_id != backend.account_id:
            # Batches have no permission of their own. Outside of a request to SNS it is another service that publishes.
            service = "" if action else ANY_SERVICE
            user = User(account_id=backend.account_id, service=service)
            _check_topic(topic, f"SNS:{(action or 'Publish').removesuffix('Batch')}", user)
        return topic

    replace(SNSResponse, "call_action", answered)
    replace(SNSBackend, "get_topic", got)


def _check_topic(topic: Any, action: str, user: User) -> None:
    if not allows(topic.policy, user, action=action, resource=topic.arn):
        raise NotAuthorized(
            f"User: arn:aws:iam::{user.account_id}:root is not authorized to perform: {action} on "
            f"resource: {topic.arn} because no resource-based policy allows the {action} action"
        )


def _note_requests() -> None:
    of_key: Callable[..., Any] = S3Response._key_response
    of_bucket: Callable[..., Any] = S3Response._bucket_response

    def key_answered(response: Any, request: Any, full_url: str) -> Any:
        query = _query(full_url)
        source = unquote(request.headers.get("x-amz-copy-source", "")).lstrip("/")
        source_bucket, _, source_key = source.partition("?")[0].partition("/")
        asked = Asked(
            action=action_on_object(request.method, query),
            bucket=response.parse_bucket_name_from_url(request, full_url),
            key=response.parse_key_name(),
            source=source_bucket,
            source_key=source_key,
            is_anonymous=_is_anonymous(request, query),
        )
        with _noting(_asked, asked):
            return of_key(response, request, full_url)

    def bucket_answered(response: Any, request: Any, full_url: str) -> Any:
        query = _query(full_url)
        action = action_on_bucket(request.method, query)
        # Which objects is in the body: the permission has to be for all of them.
        key = "*" if action.endswith("Object") else None
        asked = Asked(
            action=action,
            bucket=response.parse_bucket_name_from_url(request, full_url),
            key=key,
            is_anonymous=_is_anonymous(request, query),
        )
        with _noting(_asked, asked):
            return of_bucket(response, request, full_url)

    replace(S3Response, "_key_response", key_answered)
    replace(S3Response, "_bucket_response", bucket_answered)


def _check_buckets() -> None:
    get: Callable[..., Any] = S3Backend.get_bucket

    def got(backend: Any, bucket_name: str) -> Any:
        bucket = get(backend, bucket_name)
        if bucket.account_id != backend.account_id and not all(
            allows(
                bucket.policy,
                User(account_id=backend.account_id),
                action=action,
                resource=f"arn:{bucket.partition}:s3:::{bucket_name}{path}",
            )
            for action, path in _needed(bucket_name, _asked.get())
        ):
            raise BucketAccessDeniedError(bucket=bucket_name)
        return bucket

    replace(S3Backend, "get_bucket", got)


def _needed(bucket_name: str, asked: Asked | None) -> list[tuple[str, str]]:
    """Actions, and what on: empty for the bucket, or the path of an object."""
    needed = []
    if asked is not None and bucket_name == asked.bucket:
        # moto asks the policy, and the object's list, itself; and a form has its own signature.
        if asked.is_anonymous and asked.action in _OF_ANYBODY and not asked.source:
            return []
        needed.append((asked.action, "" if asked.key is None else f"/{asked.key}"))
    if asked is not None and bucket_name == asked.source:
        needed.append(("s3:GetObject", f"/{asked.source_key}"))
    # By another service, or for logs and the like: of which it is not known what it does.
    return needed or [("s3:GetObject", "/*"), ("s3:PutObject", "/*")]


@contextlib.contextmanager
def _noting(variable: contextvars.ContextVar[Any], value: Any) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def _query(full_url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(full_url).query, keep_blank_values=True))


def _is_anonymous(request: Any, query: dict[str, str]) -> bool:
    return "Authorization" not in request.headers and not any(
        name in query for name in ("Signature", "X-Amz-Signature")
    )
