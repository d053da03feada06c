from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from lambent.aws.credentials import Credentials
from lambent.execution_environment.apis.credentials_api import PATH, CredentialsApi
from lambent.protocol.http import HttpRequest


class Connection:
    def respond(self, status, body, head=""):
        self.status, self.body = status, body


def ask(api, token, method="GET"):
    connection = Connection()
    headers = {"authorization": token}
    request = HttpRequest(method=method, path=PATH, query="", headers=headers, body=b"")
    api.receive(request, connection)
    return connection


@pytest.fixture
def api():
    made = CredentialsApi()
    made.current = Credentials(access_key_id="A", secret_access_key="s", session_token="t")
    return made


def test_who_has_the_token_is_given_credentials_in_the_form_of_sdks(api):
    answer = ask(api, api.token)
    document = json.loads(answer.body)
    expiration = datetime.fromisoformat(document.pop("Expiration"))
    assert answer.status == 200
    assert document == {"AccessKeyId": "A", "SecretAccessKey": "s", "Token": "t"}
    assert expiration > datetime.now(UTC) + timedelta(minutes=59)


def test_those_that_expire_say_when(api):
    at = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    api.current = Credentials(
        access_key_id="A", secret_access_key="s", session_token="t", expiration=at
    )
    assert json.loads(ask(api, api.token).body)["Expiration"] == "2030-01-02T03:04:05Z"


def test_others_are_given_none(api):
    other = CredentialsApi()
    assert ask(api, other.token).status == 403
    assert ask(api, "\xff").status == 403
    assert ask(other, other.token).status == 403  # not issued yet
    assert ask(api, api.token, "POST").status == 405
