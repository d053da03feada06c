"""Where functions that make CloudFormation's custom resources answer: at one URL for each request.

It is one of S3's, as in AWS, signed for one PUT of one object, with credentials made for that and
forgotten after it: whoever has the URL can do nothing else with it.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref-requests.html
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from lambent.aws.credentials import Credentials, IssuedCredentials, Session, new_credentials
from lambent.domain.errors import ServiceError
from lambent.domain.identifiers import new_uuid
from lambent.protocol.http import HttpRequest, HttpResponse
from lambent.protocol.presigning import presign
from lambent.server.error_forms import error_answer

if TYPE_CHECKING:
    from collections.abc import Callable

_PATH = "/cloudformation-custom-resource-response-"  # and a region, as AWS names these buckets
_GOOD_SECONDS = 3600  # as long as any custom resource may take
_MOST_BYTES = 4096  # of a response, as in AWS
_MOST_URLS = 1000  # that are good at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The request to a custom resource that a response is wanted for."""

    account_id: str
    region: str
    stack_id: str
    logical_id: str


@dataclass(slots=True, kw_only=True)
class _Place:
    credentials: Credentials
    good_until: datetime
    response: asyncio.Future[bytes] = field(default_factory=asyncio.Future)


class CustomResourceResponses:
    """All URLs that are good now. Belongs to the event loop."""

    def __init__(
        self,
        issued: IssuedCredentials,
        endpoint: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`endpoint` is this server's URL as functions have it."""
        self._issued = issued
        self._endpoint = endpoint
        self._now = now
        self._places: OrderedDict[str, _Place] = OrderedDict()  # by path, decoded; the oldest first

    def open(self, asked: Asked) -> tuple[str, str]:
        """A URL for one response, and the path it is known by to `wait`."""
        now = self._now()
        self._forget(now)
        key = f"{asked.stack_id}|{asked.logical_id}|{new_uuid()}"
        path = f"{_PATH}{asked.region.replace('-', '')}/{key}"
        # A later second PUT is answered like the first, as by S3: so it is good for all of the hour.
        good_until = now + timedelta(seconds=_GOOD_SECONDS)
        credentials = new_credentials(good_until)
        self._issued.open(_session(asked, credentials))
        self._places[path] = _Place(credentials=credentials, good_until=good_until)
        url = presign(
            "PUT",
            self._endpoint + quote(path),
            credentials,
            region=asked.region,
            now=now,
            seconds=_GOOD_SECONDS,
        )
        return url, path

    async def wait(self, path: str, seconds: float) -> str | None:
        """What was put at the path; None when nothing is in time. Raises ServiceError."""
        place = self._places.get(path)
        if place is None:
            raise ServiceError("ResourceNotFoundException", "No response is waited for there.")
        try:
            async with asyncio.timeout(seconds):
                response = await asyncio.shield(place.response)
        except TimeoutError:
            return None
        return response.decode(errors="replace")

    def answer(self, request: HttpRequest, request_id: str) -> HttpResponse:
        """To a PUT; whoever lets requests in has checked their signatures, where that is to be."""
        place = self._places.get(unquote(request.path))
        if request.method != "PUT" or place is None:
            return _refusal(request, request_id, "AccessDenied", "Access Denied", 403)
        if request.is_too_large or len(request.body) > _MOST_BYTES:
            message = f"A custom resource's response may have {_MOST_BYTES} bytes at most."
            return _refusal(request, request_id, "EntityTooLarge", message, 400)
        if not place.response.done():  # the first one counts
            place.response.set_result(request.body)
        headers = [("x-amz-request-id", request_id)]
        return HttpResponse(status=200, headers=headers, body=b"")

    def _forget(self, now: datetime) -> None:
        """What is good no longer, and the oldest where there would be too many."""
        while self._places:
            path, place = next(iter(self._places.items()))
            if place.good_until > now and len(self._places) < _MOST_URLS:
                return
            del self._places[path]
            self._issued.revoke(place.credentials)


def is_response(path: str) -> bool:
    """Whether it is one of these URLs' paths, also of one that is no longer good."""
    return path.startswith(_PATH)


def _session(asked: Asked, credentials: Credentials) -> Session:
    # Of a role that there is not. Nobody is told the secret, so nothing else is ever signed.
    name = "custom-resource-response"
    return Session(
        account_id=asked.account_id,
        region=asked.region,
        role_arn="",
        principal_arn=f"arn:aws:sts::{asked.account_id}:assumed-role/cloudformation/{name}",
        credentials=credentials,
    )


def _refusal(
    request: HttpRequest, request_id: str, code: str, message: str, status: int
) -> HttpResponse:
    return error_answer(
        request, "s3", code=code, message=message, request_id=request_id, status=status
    )
