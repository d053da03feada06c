"""The way from the companion's services to the functions: calls to the server that started it."""

from __future__ import annotations

import dataclasses
import functools
import json
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import urllib3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

_PATH = "/_lambent/service-invocations"
# A function may run for 15 minutes while Secrets Manager waits for it.
_WAIT_SECONDS = 1000.0
_SECONDS = 30.0
_TURN_SECONDS = 5.0


class Refused(Exception):
    """Raised when the server does not take an invocation, with an AWS error's code."""

    def __init__(self, code: str, message: str, *, may_pass: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.may_pass = may_pass  # the same may succeed later


# What a moment later may be otherwise; the rest stays refused.
_PASSING_CODES = frozenset(
    {"ResourceConflictException", "ServiceException", "TooManyRequestsException"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCall:
    """An event that a service has for a function."""

    service: str  # its principal: s3.amazonaws.com
    function_arn: str
    source_arn: str | None
    source_account: str
    payload: str  # JSON
    trace_header: str | None = None


@dataclass(frozen=True, kw_only=True)
class ServerLink:
    """Where the server is and what it knows this process by."""

    url: str
    secret: str = field(repr=False)
    pool: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(maxsize=32, retries=False), repr=False
    )

    def queue(self, call: ServiceCall) -> None:
        """Have the function invoked asynchronously: the event is durable when this returns.

        Raises Refused.
        """
        self._post("event", call, _SECONDS)

    def check(self, call: ServiceCall) -> None:
        """Raise Refused if the service could not invoke the function, which is not run."""
        self._post("check", call, _SECONDS)

    def wait(self, call: ServiceCall) -> tuple[str, bool]:
        """Invoke the function; what it returned, and whether that is an error. Raises Refused."""
        answer = self._post("wait", call, _WAIT_SECONDS)
        return answer["payload"], answer["is_function_error"]

    def open_response(self, **asked: str) -> tuple[str, str]:
        """A URL that a custom resource's function can put its response to, and its path.

        `asked`: account_id, region, stack_id, logical_id. Raises Refused.
        """
        answer = self._send({"mode": "open-response", **asked}, _SECONDS)
        return answer["url"], answer["path"]

    def await_response(self, path: str, seconds: float) -> str | None:
        """What was put there; None when nothing is in time. Raises Refused."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            # In turns: a request at work for an hour would keep the server from ending.
            asked = {"mode": "await-response", "path": path, "seconds": min(left, _TURN_SECONDS)}
            response: str | None = self._send(asked, _SECONDS)["response"]
            if response is not None:
                return response
        return None

    @functools.cached_property
    def client(self) -> Callable[[str, str, str], Any]:
        """A boto3 client of the server itself, by service, account and region."""
        return functools.lru_cache(maxsize=256)(functools.partial(_client, self.url))

    def _post(self, mode: str, call: ServiceCall, seconds: float) -> dict[str, Any]:
        return self._send({"mode": mode} | dataclasses.asdict(call), seconds)

    def _send(self, document: dict[str, Any], seconds: float) -> dict[str, Any]:
        try:
            response = self.pool.request(
                "POST",
                self.url + _PATH,
                body=json.dumps(document).encode(),
                headers={"authorization": f"Bearer {self.secret}"},
                timeout=urllib3.Timeout(connect=5.0, read=seconds),
            )
            answer: dict[str, Any] = response.json()
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            reason = f"the server did not answer: {type(error).__name__}"
            raise Refused("ServiceException", reason, may_pass=True) from None
        if response.status in (200, 202):
            return answer
        code = answer.get("code", "ServiceException")
        message = answer.get("message", f"the server answered {response.status}")
        raise Refused(code, message, may_pass=code in _PASSING_CODES)


def _client(url: str, service: str, account_id: str, region: str) -> Any:
    # The server takes an access key that is an account's number for that account.
    # A session of its own: the one that boto3 has for everybody is not for several threads.
    return boto3.session.Session().client(
        service,
        endpoint_url=url,
        region_name=region,
        aws_access_key_id=account_id,
        aws_secret_access_key="companion",  # not a secret: nothing is verified on this way
        config=Config(retries={"total_max_attempts": 2}, read_timeout=_WAIT_SECONDS),
    )
