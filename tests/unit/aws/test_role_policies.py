from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.unit.aws.stand_ins import FakeAws

from lambent.aws.clients import CallRefused, Scope, Unreachable
from lambent.aws.role_policies import RolePolicies, policies_in_force
from lambent.domain.errors import ServiceError

ACCOUNT, REGION = "123456789012", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/path/worker"
MANAGED = "arn:aws:iam::aws:policy/Managed"


def allowing(action):
    return {"Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}}


class NoSuchEntityException(Exception):
    """As a client of botocore's has it."""


@dataclass
class FakeIam:
    """An IAM with one role."""

    inline: dict[str, Any] = field(default_factory=dict)
    attached: dict[str, Any] = field(default_factory=dict)
    boundary: Any = None
    is_truncated: bool = False
    problem: Exception | None = None
    asked: int = 0

    class exceptions:  # noqa: N801  as botocore has it
        NoSuchEntityException = NoSuchEntityException

    def get_role(self, RoleName):  # noqa: N803  likewise, here and below
        self.asked += 1
        if self.problem is not None:
            raise self.problem
        if RoleName != "worker":
            raise NoSuchEntityException
        bounds = {"PermissionsBoundaryArn": "boundary"} if self.boundary else {}
        return {"Role": {"PermissionsBoundary": bounds} if bounds else {}}

    def list_role_policies(self, RoleName):  # noqa: N803
        return {"PolicyNames": list(self.inline), "IsTruncated": self.is_truncated}

    def get_role_policy(self, RoleName, PolicyName):  # noqa: N803
        return {"PolicyDocument": self.inline[PolicyName]}

    def list_attached_role_policies(self, RoleName):  # noqa: N803
        return {"AttachedPolicies": [{"PolicyArn": arn} for arn in self.attached]}

    def get_policy(self, PolicyArn):  # noqa: N803
        return {"Policy": {"DefaultVersionId": f"v2 of {PolicyArn}"}}

    def get_policy_version(self, PolicyArn, VersionId):  # noqa: N803
        assert VersionId == f"v2 of {PolicyArn}"
        document = self.boundary if PolicyArn == "boundary" else self.attached[PolicyArn]
        return {"PolicyVersion": {"Document": document}}


@pytest.fixture
def iam():
    return FakeIam(inline={"own": allowing("a:Inline")}, attached={MANAGED: allowing("a:Managed")})


@pytest.fixture
def aws(iam):
    return FakeAws({"iam": iam})


@pytest.fixture
def clock():
    class Clock:
        now = 0.0

        def __call__(self):
            return self.now

    return Clock()


@pytest.fixture
def policies(aws, clock):
    return RolePolicies(aws, clock=clock)


async def decision(policies, action):
    found = await policies.of(ACCOUNT, REGION, ROLE)
    return found.decide(action, ["arn"], {})


async def test_inline_and_attached_policies_count(policies, aws):
    assert await decision(policies, "a:Inline") == "allowed"
    assert await decision(policies, "a:Managed") == "allowed"
    assert await decision(policies, "a:Other") == "not allowed"
    assert aws.scopes == [Scope(account_id=ACCOUNT, region=REGION)]


async def test_a_boundary_counts(policies, iam):
    iam.boundary = allowing("a:Managed")
    assert await decision(policies, "a:Inline") == "not allowed"
    assert await decision(policies, "a:Managed") == "allowed"


async def test_iam_is_asked_once_a_minute_however_many_want_to_know(policies, iam, clock):
    await asyncio.gather(*(decision(policies, "a:Inline") for _ in range(5)))
    clock.now = 59.0
    await decision(policies, "a:Inline")
    assert iam.asked == 1
    iam.inline.clear()
    clock.now = 61.0
    assert await decision(policies, "a:Inline") == "not allowed"


async def test_nobody_knows_a_role_without_iam_or_in_one_that_has_it_not(policies, aws, iam):
    assert await policies.of(ACCOUNT, REGION, ROLE + "s") is None
    iam.problem = CallRefused("NotImplemented", "")
    assert await policies.of(ACCOUNT, REGION, ROLE) is None
    aws.services.clear()
    assert await policies.of("210987654321", REGION, ROLE) is None


async def test_what_is_not_known_for_now_is_asked_again(policies, iam):
    iam.problem = Unreachable("gone")
    with pytest.raises(Unreachable):
        await decision(policies, "a:Inline")
    iam.problem = None
    assert await decision(policies, "a:Inline") == "allowed"


async def test_nothing_of_a_role_s_policies_is_left_out(policies, iam):
    iam.is_truncated = True
    with pytest.raises(Unreachable, match="more policies"):
        await decision(policies, "a:Inline")


async def test_a_role_that_nobody_knows_may_do_the_usual(policies):
    held = await policies_in_force(policies, ACCOUNT, REGION, ROLE.replace("worker", "stranger"))
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:other"
    for action in ("lambda:InvokeFunction", "lambda:InvokeFunctionUrl"):
        assert held.decide(action, [function], {}) == "allowed"
    assert held.decide("s3:GetObject", ["arn:aws:s3:::bucket/key"], {}) == "not allowed"


async def test_a_role_whose_policies_cannot_be_asked_for_is_an_error(policies, iam):
    iam.problem = Unreachable("no answer")
    with pytest.raises(ServiceError, match="is not known: no answer"):
        await policies_in_force(policies, ACCOUNT, REGION, ROLE)
