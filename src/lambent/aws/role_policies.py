"""What execution roles may do, as the neighbour's IAM has it; asked for once a minute at most."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambent.aws.clients import AwsClients, CallRefused, NoEndpoint, Scope, Unreachable
from lambent.domain.caller import partition_of
from lambent.domain.errors import ServiceError
from lambent.domain.identity_policy import (
    IdentityPolicies,
    IdentityStatement,
    identity_statements,
    usual_policies,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

logger = logging.getLogger(__name__)

_FRESH_SECONDS = 60.0
_KEPT = 1000


@dataclass(slots=True)
class _Answer:
    asked: float
    policies: asyncio.Task[IdentityPolicies | None]


class RolePolicies:
    """By account and role."""

    def __init__(self, clients: AwsClients, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clients = clients
        self._clock = clock
        self._answers: OrderedDict[tuple[str, str], _Answer] = OrderedDict()

    async def of(self, account_id: str, region: str, role_arn: str) -> IdentityPolicies | None:
        """The role's policies; None when nobody knows the role, or there is no IAM to ask.

        Raises Unreachable.
        """
        key = account_id, role_arn
        answer = self._answers.get(key)
        if answer is None or self._clock() - answer.asked > _FRESH_SECONDS:
            asking = asyncio.create_task(
                self._ask(Scope(account_id=account_id, region=region), role_arn),
                name=f"policies of {role_arn}",
            )
            answer = self._answers[key] = _Answer(self._clock(), asking)
            if len(self._answers) > _KEPT:
                self._answers.popitem(last=False)
        try:
            # One that leaves does not take the answer from the others who wait for it.
            return await asyncio.shield(answer.policies)
        except Unreachable:
            if self._answers.get(key) is answer:
                del self._answers[key]  # a failure is not kept
            raise

    async def _ask(self, scope: Scope, role_arn: str) -> IdentityPolicies | None:
        name = role_arn.rpartition("/")[2]
        try:
            return await self._clients.run("iam", scope, lambda iam: _read(iam, name))
        except NoEndpoint:
            return None
        except CallRefused as error:
            # Such as S3 servers that have no IAM. What everybody may do is little.
            logger.warning("what %s may do is not known: IAM answers %s", role_arn, error.code)
            return None


async def policies_in_force(
    policies: RolePolicies, account_id: str, region: str, role_arn: str
) -> IdentityPolicies:
    """The role's policies; of one nobody knows, those that nearly every function needs.

    Raises ServiceError when IAM cannot be asked.
    """
    try:
        found = await policies.of(account_id, region, role_arn)
    except Unreachable as error:
        raise ServiceError(
            "ServiceException", f"What {role_arn} may do is not known: {error}"
        ) from error
    return usual_policies(account_id, partition_of(region)) if found is None else found


def _read(iam: Any, name: str) -> IdentityPolicies | None:
    """Whatever is not understood of it raises: a statement left out might deny something."""
    try:
        role = iam.get_role(RoleName=name)["Role"]
    except iam.exceptions.NoSuchEntityException:
        return None
    bounds = role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    return IdentityPolicies(
        statements=tuple(_statements(iam, name)),
        boundary=_managed(iam, bounds) if bounds else None,
    )


def _statements(iam: Any, name: str) -> Iterator[IdentityStatement]:
    inline = iam.list_role_policies(RoleName=name)
    attached = iam.list_attached_role_policies(RoleName=name)
    if inline.get("IsTruncated") or attached.get("IsTruncated"):
        raise Unreachable(f"the role {name} has more policies than AWS allows")
    for policy in inline["PolicyNames"]:
        found = iam.get_role_policy(RoleName=name, PolicyName=policy)
        yield from identity_statements(found["PolicyDocument"])
    for policy in attached["AttachedPolicies"]:
        yield from _managed(iam, policy["PolicyArn"])


def _managed(iam: Any, arn: str) -> tuple[IdentityStatement, ...]:
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    found = iam.get_policy_version(PolicyArn=arn, VersionId=version)
    return identity_statements(found["PolicyVersion"]["Document"])
