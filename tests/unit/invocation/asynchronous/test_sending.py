from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.outcomes import ACCOUNT, REGION, delivery
from tests.support.versions import function_version

from lambent.domain.alias import Alias
from lambent.domain.delivery import DeliveryRefused
from lambent.domain.errors import ServiceError
from lambent.domain.resource_policy import FunctionPolicy
from lambent.invocation.asynchronous.sending import Sending
from lambent.invocation.run import Runs

OTHER_ACCOUNT = "999999999999"


class Services:
    def __init__(self):
        self.sent = []

    async def send(self, deliveries):
        self.sent += deliveries
        return [None] * len(deliveries)


class Functions:
    """Those with these versions, found as stores find theirs."""

    def __init__(self, *versions):
        self.versions = {each.qualified_arn: each for each in versions}

    def version(self, account_id, region, name, version):
        return self.versions.get(f"arn:aws:lambda:{region}:{account_id}:function:{name}:{version}")


class Aliases:
    def __init__(self, *aliases):
        self.aliases = {each.arn: each for each in aliases}

    def get(self, account_id, region, name, alias):
        return self.aliases.get(f"arn:aws:lambda:{region}:{account_id}:function:{name}:{alias}")


class Policies:
    def __init__(self):
        self.policies = {}

    def get(self, account_id, region, name, qualifier=""):
        return self.policies.get((account_id, name, qualifier))


@pytest.fixture
def accepted():
    return []


@pytest.fixture
def services():
    return Services()


@pytest.fixture
def policies():
    return Policies()


@pytest.fixture
def sending(services, policies, accepted):
    async def accept(event):
        accepted.append(event)

    live = Alias(
        account_id=ACCOUNT,
        region=REGION,
        name="other",
        alias="live",
        version="$LATEST",
        revision_id="r",
    )
    nobody: Any = None
    functions: Any = Functions(
        function_version(name="other"),
        function_version(name="tenants", is_tenant_isolated=True),
        function_version(name="theirs", account_id=OTHER_ACCOUNT),
    )
    aliases: Any = Aliases(live)
    runs = Runs(
        functions=functions,
        aliases=aliases,
        pool=nobody,
        concurrency=nobody,
        metrics=nobody,
        streams=nobody,
    )
    return Sending(
        services=services,
        runs=runs,
        policies=policies,
        accept=accept,
    )


async def problem_of(sending, delivery):
    """What kept this one from being delivered."""
    [problem] = await sending.send([delivery])
    return problem


def function_arn(name, account=ACCOUNT):
    return f"arn:aws:lambda:{REGION}:{account}:function:{name}"


async def test_what_is_no_function_is_the_neighbours(sending, services, accepted):
    assert await problem_of(sending, delivery()) is None
    assert services.sent == [delivery()]
    assert accepted == []


@pytest.mark.parametrize("name", ["other", "other:live", "other:$LATEST"])
async def test_a_function_is_invoked_with_the_record(sending, accepted, name):
    assert await problem_of(sending, delivery(target_arn=function_arn(name))) is None
    [event] = accepted
    assert event.payload == delivery().body
    assert event.invoked_arn == function_arn(name)
    assert event.request_id != delivery().request_id
    # The chain of invocations goes on, so that a loop through destinations is found.
    assert event.trace_header.startswith(delivery().trace_header.split(";")[0])
    assert "Lineage=2:" in event.trace_header


@pytest.mark.parametrize("name", ["gone", "other:dead", "other:7"])
async def test_a_function_that_is_not_there_may_come_back(sending, accepted, name):
    problem = await problem_of(sending, delivery(target_arn=function_arn(name)))
    assert isinstance(problem, ServiceError)
    assert problem.code == "ResourceNotFoundException"
    assert accepted == []


async def test_another_accounts_function_needs_its_permission(sending, policies, accepted):
    theirs = delivery(target_arn=function_arn("theirs", OTHER_ACCOUNT))
    problem = await problem_of(sending, theirs)
    assert problem.code == "AccessDeniedException"
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": ACCOUNT},
        "Action": "lambda:InvokeFunction",
        "Resource": theirs.target_arn,
    }
    policies.policies[OTHER_ACCOUNT, "theirs", ""] = FunctionPolicy(
        account_id=OTHER_ACCOUNT,
        region=REGION,
        name="theirs",
        revision_id="r",
        document=json.dumps({"Statement": statement}),
    )
    assert await problem_of(sending, theirs) is None
    assert accepted[0].account_id == OTHER_ACCOUNT


async def test_a_record_is_of_no_tenant(sending, accepted):
    problem = await problem_of(sending, delivery(target_arn=function_arn("tenants")))
    assert "tenant" in problem.message
    assert accepted == []


async def test_a_record_larger_than_an_event_is_refused_for_good(sending, accepted):
    large = delivery(target_arn=function_arn("other"), body=b"x" * (1024 * 1024 + 1))
    problem = await problem_of(sending, large)
    assert isinstance(problem, DeliveryRefused)
    assert str(problem) == "the record has 1048577 bytes, and an event 1048576 at most"
    assert accepted == []


async def test_each_of_several_records_is_an_event_or_a_problem(sending, accepted):
    there = delivery(target_arn=function_arn("other"))
    large = delivery(target_arn=there.target_arn, body=b"x" * (1024 * 1024 + 1))
    problems = await sending.send([there, large, there])
    assert [type(each) for each in problems] == [type(None), DeliveryRefused, type(None)]
    assert len(accepted) == 2
