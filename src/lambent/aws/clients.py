"""Clients of neighbouring services, used in threads: botocore waits for its answers.

An endpoint is the operator's choice, for each service or for all: a program beside this server
(MinIO, ElasticMQ, moto), or AWS itself. Without one a service is not called at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import threading
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.session import Session

from lambent.aws.call_threads import CallThreads
from lambent.aws.credentials import Credentials
from lambent.aws.endpoint import AWS_ITSELF

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

COMPANION_ACCOUNT = "x-moto-account-id"  # the header by which the companion knows the account
COMPANION_SECRET = "x-lambent-companion"  # and the one by which it knows that we call
# For whoever misses a neighbouring service; it is in the middle of sentences.
REMEDY = (
    "start the server with the companion (pip install 'lambent[aws]', companion = auto) or with "
    "aws_endpoint_url, or name the service's in aws_endpoints"
)

_CALLS_AT_ONCE = 8  # of one service: those of another never wait for them
_CONNECT_SECONDS = 5
_READ_SECONDS = 30  # between two pieces of an answer
_ATTEMPTS = 3
# Of one call with all its attempts, and its turn to come: what sends a byte now and then never
# runs into the limits above.
_CALL_SECONDS = 120.0
_CLIENTS = 100  # kept; with more regions and accounts than that they are made again
_WHOLE_OBJECTS = 2
_CALLED_SERVICES = ("s3", "kms")
_MAX_TOLD = 1000  # characters of a service's message: they end up in answers and logs


class NoEndpoint(Exception):
    """Raised when no endpoint is configured for a service; the text says which settings would."""


class CallRefused(Exception):
    """Raised when a service answers with an error: its own code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Unreachable(Exception):
    """Raised when a service gives no answer, or there are no credentials to ask it with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where services are, and whose credentials they are called with."""

    default: str = ""  # a URL or AWS_ITSELF, for all services; empty: none
    of_services: Mapping[str, str] = field(default_factory=dict)  # win over the default
    companion: str = ""  # the URL of our own child, which is told whose call it is; empty: none
    companion_secret: str = field(default="", repr=False)  # without which it answers nobody
    profile: str = ""  # of the shared credentials file; empty: botocore's usual search

    def of(self, service: str) -> str:
        """Raises NoEndpoint."""
        endpoint = self.of_services.get(service) or self.default or self.companion
        if not endpoint:
            raise NoEndpoint(f"no endpoint of {service} is configured: {REMEDY}")
        return endpoint

    def is_companion(self, service: str) -> bool:
        """Whether calls of `service` go to our own child."""
        return bool(self.companion) and self.of(service) == self.companion


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """On whose behalf a service is called."""

    account_id: str
    region: str


class AwsClients:
    """One client for each service and region, made at its first use.

    Where the account is the access key, each account has clients of its own.
    """

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._clients: dict[tuple[str, Scope], Any] = {}
        self._has_credentials: bool | None = None  # until somebody has looked
        # The search may wait seconds for a cloud's metadata service, and comes before all else.
        self._searching = threading.Lock()
        # An object in memory whole may be 250 MB, and so may what is made of it.
        self.whole_objects = asyncio.Semaphore(_WHOLE_OBJECTS)
        self._making = threading.Lock()  # a session is not safe to share between threads
        self._threads: defaultdict[str, CallThreads] = defaultdict(
            lambda: CallThreads("aws", _CALLS_AT_ONCE)
        )

    @classmethod
    @contextlib.contextmanager
    def open(cls, endpoints: Endpoints) -> Iterator[AwsClients]:
        """Clients meanwhile; afterwards their connections are closed.

        Whoever still waits for an answer is to be cancelled before.
        """
        clients = cls(endpoints)
        try:
            yield clients
        finally:
            for threads in clients._threads.values():
                threads.close()
            with clients._making:
                for client in clients._clients.values():
                    client.close()

    def load(self) -> None:
        """Read the models of the services that have an endpoint: blocks, for 0.2 s.

        Not needed; but the first client of a service stops all threads of the process while its
        model is parsed. Nobody is called, and no credentials are searched for.
        """
        for service in _CALLED_SERVICES:
            # Without an endpoint it is not called; without the profile, the first call tells.
            with contextlib.suppress(NoEndpoint, BotoCoreError):
                self._endpoints.of(service)
                scope = Scope(account_id="none", region="us-east-1")
                with self._making:
                    self._make(service, scope, with_account_as_key=True).close()

    def check(self, service: str) -> None:
        """Raises NoEndpoint when `service` cannot be called."""
        self._endpoints.of(service)

    async def run(
        self,
        service: str,
        scope: Scope,
        use: Callable[[Any], Answer],
        *,
        within_seconds: float = _CALL_SECONDS,
    ) -> Answer:
        """What `use` makes of a client of `service`, in a thread.

        Raises NoEndpoint, CallRefused, Unreachable; the last for whatever else `use` raises, too.
        """
        self.check(service)
        try:
            async with asyncio.timeout(within_seconds):
                return await self._threads[service].run(lambda: self._run(service, scope, use))
        except TimeoutError:
            raise Unreachable(f"{service} gave no answer in {within_seconds:g} seconds") from None

    async def own_credentials(self) -> Credentials | None:
        """What this server calls AWS with, as it is now; None without any."""
        return await self._threads["credentials"].run(self._own_credentials)

    def _own_credentials(self) -> Credentials | None:
        try:
            if not self._search_credentials():
                return None
            own = self._session.get_credentials().get_frozen_credentials()
        except BotoCoreError as error:  # such as a profile that is not there, or SSO that ran out
            logger.warning("the server's own AWS credentials cannot be had: %s", error)
            return None
        return Credentials(
            access_key_id=own.access_key,
            secret_access_key=own.secret_key,
            session_token=own.token or "",
        )

    def _run(self, service: str, scope: Scope, use: Callable[[Any], Answer]) -> Answer:
        try:
            return use(self._client(service, scope))
        except (CallRefused, Unreachable):
            raise
        except ClientError as error:
            told = error.response.get("Error", {})
            raise CallRefused(
                str(told.get("Code", "Unknown"))[:_MAX_TOLD],
                str(told.get("Message", ""))[:_MAX_TOLD],
            ) from error
        except BotoCoreError as error:
            raise Unreachable(str(error)[:_MAX_TOLD]) from error
        except Exception as error:
            # A boundary: a library reads here what strangers send, and raises whatever it
            # stumbles over, of urllib3's, binascii's, or a plain KeyError.
            logger.warning("what answers as %s cannot be understood", service, exc_info=True)
            raise Unreachable(
                f"what answers as {service} cannot be understood ({type(error).__name__})"
            ) from error

    def _client(self, service: str, scope: Scope) -> Any:
        """Raises BotoCoreError, and ValueError when botocore does not take the endpoint."""
        # Ours alone needs none, and is shown none.
        has_credentials = not self._endpoints.is_companion(service) and self._search_credentials()
        if not has_credentials and self._is_aws(service):
            raise NoCredentialsError
        key = service, replace(scope, account_id="") if has_credentials else scope
        with self._making:
            client = self._clients.get(key)
            if client is None:
                while len(self._clients) >= _CLIENTS:
                    # The oldest. What is under way has a connection, and keeps it.
                    self._clients.pop(next(iter(self._clients))).close()
                client = self._make(service, scope, with_account_as_key=not has_credentials)
                self._clients[key] = client
            return client

    def _is_aws(self, service: str) -> bool:
        return self._endpoints.of(service) == AWS_ITSELF

    def _search_credentials(self) -> bool:
        """Whether the operator has any: looked for once, the session keeps and renews them."""
        with self._searching:
            if self._has_credentials is None:
                self._has_credentials = self._session.get_credentials() is not None
            return self._has_credentials

    @functools.cached_property
    def _session(self) -> Session:
        """One for all, since it keeps the services' models."""
        return Session(profile=self._endpoints.profile or None)

    def _make(self, service: str, scope: Scope, *, with_account_as_key: bool) -> Any:
        is_aws = self._is_aws(service)
        # A program beside this server takes any credentials; some, as we do, take the access key
        # for the account.
        keys = {"aws_access_key_id": scope.account_id, "aws_secret_access_key": "lambent"}
        client = self._session.create_client(
            service,
            region_name=scope.region,
            endpoint_url=None if is_aws else self._endpoints.of(service),
            config=Config(
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
                max_pool_connections=_CALLS_AT_ONCE,
                ignore_configured_endpoint_urls=True,  # this server's settings alone decide
                # What only AWS itself understands is not asked of others.
                s3={} if is_aws else {"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
            **(keys if with_account_as_key else {}),
        )
        if self._endpoints.is_companion(service):
            headers = {
                COMPANION_ACCOUNT: scope.account_id,
                COMPANION_SECRET: self._endpoints.companion_secret,
            }
            client.meta.events.register("before-call", _adding(headers))
        return client


def _adding(headers: Mapping[str, str]) -> Callable[..., None]:
    """moto takes no access key for an account, but a header of its own."""

    def add(params: dict[str, Any], **_: object) -> None:
        params["headers"].update(headers)

    return add
