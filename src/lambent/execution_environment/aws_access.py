"""How a function's SDKs reach AWS's APIs, ours among them: where they are, and with what they sign.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
"""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from lambent.execution_environment.apis import credentials_api

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from contextlib import AbstractContextManager

    from lambent.aws.credentials import Credentials
    from lambent.domain.function import FunctionVersion
    from lambent.execution_environment.apis.credentials_api import CredentialsApi

_RENEWED_BEFORE = timedelta(minutes=20)  # SDKs ask a quarter of an hour before
_SHORTEST_SECONDS = 60.0


class Doors(Protocol):
    """What answers at the doors of network slots, to each function only as itself."""

    def open(self, door: socket.socket, own: Sequence[Credentials]) -> AbstractContextManager[None]:
        """Whoever signs with one of `own`, which may become more, is answered meanwhile."""

    def hang_up(self, door: socket.socket) -> int:
        """Close the connections to one as soon as they are answered; how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsAccess:
    """What is the same for all environments."""

    endpoint_variables: Sequence[str]  # in which SDKs look for where AWS is
    doors: Doors
    issue: Callable[[FunctionVersion], Awaitable[Credentials]]
    revoke: Callable[[Credentials], None]

    def endpoints(self, door_address: str) -> dict[str, str]:
        """What tells SDKs of a door; nothing where there is none."""
        if not door_address:
            return {}
        return dict.fromkeys(self.endpoint_variables, f"http://{door_address}")

    @contextlib.asynccontextmanager
    async def credentials(
        self,
        version: FunctionVersion,
        api: CredentialsApi,
        door: socket.socket | None,
        inherited: Sequence[Credentials] = (),
    ) -> AsyncIterator[Credentials]:
        """Those of one environment's life, and meanwhile in `api` those that are good then.

        Its door is open to them, to `inherited` as long as these are good, and to no others.
        """
        first = await self.issue(version)
        own = [*inherited, first]
        api.current = first
        try:
            async with asyncio.TaskGroup() as tasks:
                renewing = tasks.create_task(
                    self._renew(version, api, own), name=f"credentials of {version.name}"
                )
                try:
                    with self.doors.open(door, own) if door is not None else nullcontext():
                        yield first
                finally:
                    renewing.cancel()
        finally:
            api.current = None
            for each in own[len(inherited) :]:
                self.revoke(each)

    async def _renew(
        self, version: FunctionVersion, api: CredentialsApi, own: list[Credentials]
    ) -> None:
        while own[-1].expiration is not None:
            left = own[-1].expiration - datetime.now(UTC) - _RENEWED_BEFORE
            await asyncio.sleep(max(left.total_seconds(), _SHORTEST_SECONDS))
            own.append(await self.issue(version))
            api.current = own[-1]


def credential_variables(
    credentials: Credentials, api_address: str, token: str, *, asks: bool
) -> dict[str, str]:
    """What tells SDKs their credentials, or where to ask for them.

    Those that expire are always asked for: nobody can change the variables of a process.
    """
    if asks or credentials.expiration is not None:
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{api_address}{credentials_api.PATH}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
        }
    return {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token,
    }
