"""CloudWatch Logs as the service that invokes the functions subscribed to log groups."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lambent.domain.errors import ServiceError
from lambent.invocation.service_invocation import (
    ServiceInvocation,
    check_service,
    invoke_for_service,
)
from lambent.server.background import running
from lambent.telemetry.subscriptions.chains import InvocationChains
from lambent.telemetry.subscriptions.delivery import LogSubscriptions
from lambent.telemetry.subscriptions.destinations import Destinations

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lambent.aws.clients import AwsClients
    from lambent.invocation.invoke import DataPlane
    from lambent.server.stores import Stores


@contextlib.asynccontextmanager
async def open_log_subscriptions(
    stores: Stores, aws: AwsClients, data_plane: DataPlane
) -> AsyncIterator[LogSubscriptions]:
    """Those of all log groups: meanwhile their events are sent."""
    destinations = Destinations(
        functions=LogsService(data_plane), aws=aws, chains=InvocationChains()
    )
    subscriptions = LogSubscriptions(stores.logs, stores.log_subscriptions, destinations)
    async with running("log subscriptions", subscriptions.run()):
        yield subscriptions


@dataclass(frozen=True, slots=True)
class LogsService:
    """Implements `FunctionInvoker` of the subscriptions."""

    plane: DataPlane

    async def check(self, *, function_arn: str, source_arn: str, source_account: str) -> None:
        await self._permitted(
            ServiceInvocation(
                service="",
                function_arn=function_arn,
                source_arn=source_arn,
                source_account=source_account,
                payload=b"",
            )
        )

    async def invoke(
        self,
        *,
        function_arn: str,
        source_arn: str,
        source_account: str,
        payload: bytes,
        trace_header: str,
    ) -> str:
        request = ServiceInvocation(
            service="",
            function_arn=function_arn,
            source_arn=source_arn,
            source_account=source_account,
            payload=payload,
            trace_header=trace_header,
        )
        return await invoke_for_service(self.plane, await self._permitted(request))

    async def _permitted(self, request: ServiceInvocation) -> ServiceInvocation:
        """The request under the principal the function's policy lets in: AWS takes either."""
        region = request.function_arn.split(":")[3]
        regional = replace(request, service=f"logs.{region}.amazonaws.com")
        try:
            await check_service(self.plane, regional)
        except ServiceError as error:
            if error.code != "AccessDeniedException":
                raise
        else:
            return regional
        request = replace(request, service="logs.amazonaws.com")
        await check_service(self.plane, request)
        return request
