"""Clients of neighbouring services, used in threads: botocore waits for its answers.

An endpoint is the operator's choice, for each service or for all: a program beside this server
(MinIO, ElasticMQ, moto), or AWS itself. Without one a service is not called at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Answer = TypeVar("Answer")

AWS_ITSELF = "aws"  # in place of a URL: the service's own endpoint in the caller's region

_THREADS = 8
_CONNECT_SECONDS = 5
_READ_SECONDS = 30  # between two pieces of an answer
_ATTEMPTS = 3
_CLIENTS = 100  # kept; with more regions and accounts than that they are made again


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
    profile: str = ""  # of the shared credentials file; empty: botocore's usual search

    def of(self, service: str) -> str:
        """Raises NoEndpoint."""
        endpoint = self.of_services.get(service) or self.default
        if not endpoint:
            raise NoEndpoint(
                f"no endpoint of {service} is configured: start the server with "
                "aws_endpoint_url, or name the service's in aws_endpoints"
            )
        return endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """On whose behalf a service is called."""

    account_id: str
    region: str


class AwsClients:
    """One client for each service, account and region, made at its first use."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._clients: dict[tuple[str, Scope], Any] = {}
        self._making = threading.Lock()  # sessions are not safe to share between threads
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="aws")

    @classmethod
    @contextlib.contextmanager
    def open(cls, endpoints: Endpoints) -> Iterator[AwsClients]:
        """Clients meanwhile; afterwards their connections are closed."""
        clients = cls(endpoints)
        try:
            yield clients
        finally:
            clients._threads.shutdown(wait=False, cancel_futures=True)
            for client in clients._clients.values():
                client.close()

    def check(self, service: str) -> None:
        """Raises NoEndpoint when `service` cannot be called."""
        self._endpoints.of(service)

    async def run(self, service: str, scope: Scope, use: Callable[[Any], Answer]) -> Answer:
        """What `use` makes of a client of `service`, in a thread.

        Raises NoEndpoint, CallRefused, Unreachable.
        """
        self.check(service)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._run, service, scope, use)

    def _run(self, service: str, scope: Scope, use: Callable[[Any], Answer]) -> Answer:
        try:
            return use(self._client(service, scope))
        except ClientError as error:
            told = error.response.get("Error", {})
            raise CallRefused(told.get("Code", "Unknown"), told.get("Message", "")) from error
        except BotoCoreError as error:
            raise Unreachable(str(error)) from error

    def _client(self, service: str, scope: Scope) -> Any:
        with self._making:
            client = self._clients.get((service, scope))
            if client is None:
                while len(self._clients) >= _CLIENTS:  # the oldest; who uses it still can
                    del self._clients[next(iter(self._clients))]
                client = self._make(service, scope)
                self._clients[service, scope] = client
            return client

    def _make(self, service: str, scope: Scope) -> Any:
        endpoint = self._endpoints.of(service)
        session = Session(profile=self._endpoints.profile or None)
        is_aws = endpoint == AWS_ITSELF
        if not is_aws and session.get_credentials() is None:
            # A program beside this server takes any credentials; some, as we do, take the access
            # key for the account.
            session.set_credentials(scope.account_id, "lambent")
        return session.create_client(
            service,
            region_name=scope.region,
            endpoint_url=None if is_aws else endpoint,
            config=Config(
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
                max_pool_connections=_THREADS,
                ignore_configured_endpoint_urls=True,  # this server's settings alone decide
                # What only AWS itself understands is not asked of others.
                s3={} if is_aws else {"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
