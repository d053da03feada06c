from __future__ import annotations

from dataclasses import replace

import pytest

from lambent.aws.credentials import (
    Credentials,
    IssuedCredentials,
    Session,
    TokenExpired,
    TokenInvalid,
    new_credentials,
)
from lambent.aws.signers import Signers

OWN = Credentials(access_key_id="AKIAOWNOWNOWNOWNOWN", secret_access_key="o", session_token="t")


async def own():
    return OWN


async def nobody():
    return None


@pytest.fixture
def session():
    return Session(
        account_id="111111111111",
        region="us-east-1",
        role_arn="arn:aws:iam::111111111111:role/worker",
        principal_arn="arn:aws:sts::111111111111:assumed-role/worker/orders",
        credentials=new_credentials(),
    )


@pytest.fixture
def issued(session):
    known = IssuedCredentials()
    known.open(session)
    return known


@pytest.fixture
def signers(issued):
    return Signers(issued=issued, listed={}, account_id="000000000000", own=own)


async def test_what_is_signed_as_a_function_is_its_session_s(signers, session):
    given = session.credentials
    signer = await signers.find(given.access_key_id, given.session_token, None)
    assert (signer.account_id, signer.session) == ("111111111111", session)
    assert signer.secret == given.secret_access_key


async def test_a_function_s_key_is_nothing_without_its_token(signers, session):
    with pytest.raises(TokenInvalid):
        await signers.find(session.credentials.access_key_id, "", None)


async def test_a_function_s_key_ends_with_its_environment(signers, issued, session):
    issued.revoke(session.credentials)
    with pytest.raises(TokenExpired):
        await signers.find(
            session.credentials.access_key_id, session.credentials.session_token, None
        )


@pytest.mark.parametrize("key", ["test", OWN.access_key_id, "222222222222", "AKIAANYBODYANYBODY"])
async def test_inside_a_sandbox_only_its_own_keys_count(signers, key):
    with pytest.raises(TokenInvalid):
        await signers.find(key, OWN.session_token, frozenset({"ASIAITSOWN"}))


async def test_inside_a_sandbox_its_own_keys_are_its_session_s(signers, session):
    given = session.credentials
    keys = frozenset({given.access_key_id})
    assert (await signers.find(given.access_key_id, given.session_token, keys)).session == session


async def test_another_function_s_key_does_not_count_inside_a_sandbox(signers, session):
    given = session.credentials
    with pytest.raises(TokenInvalid):
        await signers.find(given.access_key_id, given.session_token, frozenset({"ASIAITSOWN"}))


async def test_without_a_list_anybody_signs_in_the_account_of_the_key(signers):
    found = [await signers.find(key, "", None) for key in ("222222222222", "AKIAANYBODYANYBODY")]
    assert [signer.account_id for signer in found] == ["222222222222", "000000000000"]
    assert [signer.secret for signer in found] == [None, None]


async def test_without_a_list_the_usual_local_key_has_its_usual_secret(signers):
    assert (await signers.find("test", "", None)).secret == "test"


async def test_with_a_list_only_those_on_it_sign(signers):
    listed = replace(signers, listed={"alice": "secret", "222222222222": "other"})
    found = [await listed.find(key, "", None) for key in ("alice", "222222222222")]
    assert [(each.account_id, each.secret) for each in found] == [
        ("000000000000", "secret"),
        ("222222222222", "other"),
    ]
    for key in ("test", "333333333333", "AKIAANYBODYANYBODY"):
        with pytest.raises(TokenInvalid):
            await listed.find(key, "", None)


async def test_the_server_s_own_key_is_known_with_or_without_a_list(signers):
    for known in (signers, replace(signers, listed={"alice": "secret"})):
        found = await known.find(OWN.access_key_id, OWN.session_token, None)
        assert (found.account_id, found.secret, found.session) == ("000000000000", "o", None)


async def test_the_server_s_own_key_is_nothing_without_its_token(signers):
    with pytest.raises(TokenInvalid):
        await signers.find(OWN.access_key_id, "", None)


async def test_a_server_without_credentials_knows_no_key_by_them(signers):
    poor = replace(signers, own=nobody)
    assert (await poor.find(OWN.access_key_id, "", None)).secret is None


async def test_the_server_s_credentials_are_not_searched_for_what_cannot_be_theirs(signers):
    def never():
        raise AssertionError

    impatient = replace(signers, own=never)
    for key in ("test", "222222222222", "some_word"):
        await impatient.find(key, "", None)


async def test_no_secret_is_shown(signers):
    listed = replace(signers, listed={"alice": "very-secret"})
    assert "very-secret" not in repr(listed)
    assert "very-secret" not in repr(await listed.find("alice", "", None))
