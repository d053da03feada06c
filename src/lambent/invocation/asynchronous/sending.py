"""Sending deliveries where they go: functions are ours, all else is a neighbour's."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.domain.arn import parse_function_reference
from lambent.domain.asynchronous_event import AsynchronousEvent
from lambent.domain.caller import Caller
from lambent.domain.delivery import DeliveryRefused, target_of
from lambent.domain.errors import resource_not_found
from lambent.domain.identifiers import new_uuid
from lambent.domain.quotas import EVENT_PAYLOAD_BYTES
from lambent.domain.resource_policy import check_caller
from lambent.domain.trace import continue_trace
from lambent.invocation.payload import checked_tenant_id
from lambent.invocation.run import chosen_version
from lambent.telemetry.clock import now_ms

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from lambent.aws.destinations import Destinations
    from lambent.domain.arn import FunctionReference
    from lambent.domain.delivery import Delivery
    from lambent.domain.resource_policy import FunctionPolicy
    from lambent.invocation.run import Runs
    from lambent.store.records import FunctionRecords


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """Where deliveries go, and what must be looked at on the way to a function."""

    services: Destinations
    runs: Runs
    policies: FunctionRecords[FunctionPolicy]
    accept: Callable[[AsynchronousEvent], Awaitable[None]]  # an event for a function

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[BaseException | None]:
        """Deliver these, all of one target's; answers of each what kept it from that, if anything.

        DeliveryRefused is for good. What may come back, such as a function or a permission, is a
        ServiceError or, of another service's, what `Destinations.send` answers.
        """
        if target_of(deliveries[0].target_arn).service != "lambda":
            return await self.services.send(deliveries)
        invoked = (self._invoke(each) for each in deliveries)
        return await asyncio.gather(*invoked, return_exceptions=True)

    async def _invoke(self, delivery: Delivery) -> None:
        """An asynchronous invocation in its turn, in the name of the function's account."""
        if len(delivery.body) > EVENT_PAYLOAD_BYTES:
            raise DeliveryRefused(
                f"the record has {len(delivery.body)} bytes, and an event "
                f"{EVENT_PAYLOAD_BYTES} at most"
            )
        request_id = new_uuid()
        caller = Caller(
            account_id=delivery.account_id, region=delivery.region, request_id=request_id
        )
        reference = parse_function_reference(delivery.target_arn, caller)
        check_caller(self.policies.get, caller, reference, "InvokeFunction")
        self._check_there(reference)
        await self.accept(
            AsynchronousEvent(
                account_id=reference.account_id,
                region=reference.region,
                name=reference.name,
                qualifier=reference.qualifier,
                request_id=request_id,
                payload=delivery.body,
                trace_header=continue_trace(delivery.trace_header, reference.arn),
                accepted_ms=now_ms(),
            )
        )

    def _check_there(self, reference: FunctionReference) -> None:
        version = chosen_version(self.runs, reference)
        if version is None:
            raise resource_not_found(f"Function not found: {reference.qualified_arn}")
        # A record is of no tenant.
        checked_tenant_id(None, is_tenant_isolated=version.is_tenant_isolated)
