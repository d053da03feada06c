from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.versions import function_version
from tests.unit.execution_environment.fakes import FakeDoors

from lambent.aws.credentials import Credentials
from lambent.execution_environment import aws_access as module
from lambent.execution_environment.apis.credentials_api import CredentialsApi
from lambent.execution_environment.aws_access import AwsAccess, credential_variables

VERSION = function_version()


class Source:
    """Issues one after another, and says how long each is good."""

    def __init__(self, *lifetimes):
        self.lifetimes = list(lifetimes)
        self.issued, self.revoked = [], []
        self.more = asyncio.Event()
        self.doors = FakeDoors()

    async def issue(self, version):
        good_for = self.lifetimes.pop(0)
        made = Credentials(
            access_key_id=f"ASIA{len(self.issued)}",
            secret_access_key="s",
            session_token="t",
            expiration=datetime.now(UTC) + good_for if good_for else None,
        )
        self.issued.append(made)
        if len(self.issued) > 1:
            self.more.set()
        return made

    def access(self):
        return AwsAccess(
            endpoint_variables=("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_LAMBDA"),
            doors=self.doors,
            issue=self.issue,
            revoke=self.revoked.append,
        )


@pytest.fixture
def door():
    with socket.socket() as door:
        yield door


async def test_credentials_are_there_for_a_life_and_revoked_after_it(door):
    source, api = Source(None), CredentialsApi()
    async with source.access().credentials(VERSION, api, door) as first:
        assert api.current is first
        assert source.revoked == []
        assert source.doors.opened == {door: [first]}
    assert source.doors.opened == {}
    assert source.revoked == [first]
    assert api.current is None


async def test_what_a_snapshot_knew_is_taken_too_and_left_to_it(door):
    source = Source(None)
    before = Credentials(access_key_id="A", secret_access_key="s", session_token="t")
    async with source.access().credentials(VERSION, CredentialsApi(), door, [before]) as first:
        assert source.doors.opened == {door: [before, first]}
    assert source.revoked == [first]


async def test_they_are_revoked_however_the_life_ends(door):
    source = Source(None)
    with pytest.raises(ExceptionGroup):
        async with source.access().credentials(VERSION, CredentialsApi(), door):
            raise RuntimeError
    assert source.revoked == source.issued


async def test_those_that_expire_are_followed_by_others_in_time(monkeypatch, door):
    monkeypatch.setattr(module, "_SHORTEST_SECONDS", 0.0)
    source, api = Source(timedelta(minutes=20), timedelta(hours=1)), CredentialsApi()
    async with source.access().credentials(VERSION, api, door) as first:
        await asyncio.wait_for(source.more.wait(), 20)
        await asyncio.sleep(0)
        assert api.current is source.issued[1]
        assert source.doors.opened == {door: source.issued}
        assert source.revoked == []  # whoever has the first may still use them
    assert source.revoked == [first, source.issued[1]]


def test_sdks_are_told_of_the_door_of_their_own_slot():
    assert Source().access().endpoints("127.0.0.1:9000") == {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9000",
        "AWS_ENDPOINT_URL_LAMBDA": "http://127.0.0.1:9000",
    }


def test_variables_hold_credentials_or_say_where_they_are():
    lasting = Credentials(access_key_id="A", secret_access_key="s", session_token="t")
    ending = Credentials(
        access_key_id="A", secret_access_key="s", session_token="t", expiration=datetime.now(UTC)
    )
    asking = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9001/2021-04-23/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "token",
    }
    address = "127.0.0.1:9001"
    assert credential_variables(lasting, address, "token", asks=True) == asking
    assert credential_variables(ending, address, "token", asks=False) == asking
    assert credential_variables(lasting, address, "token", asks=False) == {
        "AWS_ACCESS_KEY_ID": "A",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_SESSION_TOKEN": "t",
    }
