from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.versions import function_version
from tests.unit.aws.stand_ins import FakeAws

from lambent.aws.clients import CallRefused
from lambent.aws.credentials import IssuedCredentials, TokenExpired
from lambent.aws.role_sessions import RoleSessions

VERSION = function_version(role="arn:aws:iam::123456789012:role/worker")
IN_AN_HOUR = datetime.now(UTC) + timedelta(hours=1)
GIVEN = {
    "AccessKeyId": "ASIASTS",
    "SecretAccessKey": "secret",
    "SessionToken": "token",
    "Expiration": IN_AN_HOUR,
}


class FakeSts:
    def __init__(self, answer):
        self.answer = answer
        self.requests = []

    def assume_role(self, **request):
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def issue(answer, issued):
    sts = FakeSts(answer)
    aws: Any = FakeAws({"sts": sts})
    made = await RoleSessions(aws, issued).issue(VERSION)
    assert sts.requests == [{"RoleArn": VERSION.role, "RoleSessionName": VERSION.name}]
    return made


async def test_a_role_s_credentials_are_sts_s_and_known_here():
    issued = IssuedCredentials()
    made = await issue({"Credentials": GIVEN}, issued)
    assert (made.access_key_id, made.secret_access_key) == ("ASIASTS", "secret")
    assert made.expiration == IN_AN_HOUR
    assert issued.session("ASIASTS", "token").role_arn == VERSION.role


async def test_they_expire_here_when_they_do_there():
    issued = IssuedCredentials()
    long_ago = datetime.now(UTC) - timedelta(seconds=1)
    await issue({"Credentials": {**GIVEN, "Expiration": long_ago}}, issued)
    with pytest.raises(TokenExpired):
        issued.session("ASIASTS", "token")


@pytest.mark.parametrize("answer", [CallRefused("AccessDenied", "no"), {}, {"Credentials": {}}])
async def test_without_them_the_function_has_those_of_this_server(answer, caplog):
    issued = IssuedCredentials()
    made = await issue(answer, issued)
    assert made.expiration is None
    assert issued.session(made.access_key_id, made.session_token) is not None
    assert "must trust" in caplog.text
