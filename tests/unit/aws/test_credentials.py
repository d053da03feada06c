from __future__ import annotations

import pytest
from tests.support.versions import function_version

from lambent.aws import credentials as module
from lambent.aws.credentials import IssuedCredentials, TokenExpired, TokenInvalid

VERSION = function_version(
    account_id="123456789012",
    name="orders",
    role="arn:aws:iam::123456789012:role/service-role/worker",
)


@pytest.fixture
def issued():
    return IssuedCredentials()


def test_credentials_lead_to_the_function_s_session(issued):
    made = issued.issue(VERSION)
    session = issued.session(made.access_key_id, made.session_token)
    assert session.account_id == "123456789012"
    assert session.role_arn == VERSION.role
    assert session.principal_arn == "arn:aws:sts::123456789012:assumed-role/worker/orders"
    assert session.credentials is made


def test_each_environment_has_its_own_and_none_is_shown(issued):
    first, second = issued.issue(VERSION), issued.issue(VERSION)
    assert first != second
    assert first.access_key_id.startswith("ASIA")
    assert len(first.access_key_id) == 20
    session = issued.session(first.access_key_id, first.session_token)
    assert first.secret_access_key not in repr((first, session))
    assert first.session_token not in repr((first, session))


def test_the_token_of_one_does_not_open_another(issued):
    first, second = issued.issue(VERSION), issued.issue(VERSION)
    for token in ("", second.session_token, "\xff"):
        with pytest.raises(TokenInvalid):
            issued.session(first.access_key_id, token)
    with pytest.raises(TokenInvalid):
        issued.session("ASIAAAAAAAAAAAAAAAAA", first.session_token)


def test_what_ended_is_expired_and_only_that(issued, monkeypatch):
    monkeypatch.setattr(module, "_ENDED", 1)
    first, second, third = (issued.issue(VERSION) for _ in range(3))
    issued.revoke(first)
    issued.revoke(first)
    with pytest.raises(TokenExpired):
        issued.session(first.access_key_id, first.session_token)
    issued.revoke(second)
    with pytest.raises(TokenInvalid):  # too long ago to be remembered
        issued.session(first.access_key_id, first.session_token)
    assert issued.session(third.access_key_id, third.session_token)


def test_keys_of_sessions_are_told_from_others_also_once_they_ended(issued):
    credentials = issued.issue(VERSION)
    assert issued.has_issued(credentials.access_key_id)
    issued.revoke(credentials)
    assert issued.has_issued(credentials.access_key_id)
    assert not issued.has_issued("test")
