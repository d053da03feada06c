from __future__ import annotations

import json

import pytest
from tests.unit.invocation.function_urls.url_callers import OWNER, Roles

from lambent.aws.credentials import IssuedCredentials, Session, new_credentials
from lambent.aws.signers import Signers
from lambent.domain.resource_policy import FunctionPolicy
from lambent.invocation.function_urls.access import UrlAccess


async def nobody():
    return None


@pytest.fixture
def policies():
    """By qualifier, statements."""
    return {}


@pytest.fixture
def roles():
    return Roles()


@pytest.fixture
def issued():
    return IssuedCredentials()


@pytest.fixture
def access(policies, roles, issued):
    def policy_of(account_id, region, name, qualifier):
        if qualifier not in policies:
            return None
        return FunctionPolicy(
            account_id=account_id,
            region=region,
            name=name,
            qualifier=qualifier,
            revision_id="1",
            document=json.dumps({"Statement": policies[qualifier]}),
        )

    signers = Signers(issued=issued, listed={}, account_id=OWNER, own=nobody)
    return UrlAccess(policy_of=policy_of, role_policies=roles, signers=signers)


@pytest.fixture
def session(issued):
    made = Session(
        account_id=OWNER,
        region="us-east-1",
        role_arn=f"arn:aws:iam::{OWNER}:role/worker",
        principal_arn=f"arn:aws:sts::{OWNER}:assumed-role/worker/orders",
        credentials=new_credentials(),
    )
    issued.open(made)
    return made
