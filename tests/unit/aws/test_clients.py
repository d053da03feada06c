from __future__ import annotations

import asyncio
import binascii
import threading

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.loaders import Loader
from botocore.session import Session

from lambent.aws import clients as clients_module
from lambent.aws.clients import (
    AwsClients,
    CallRefused,
    Endpoints,
    NoEndpoint,
    Scope,
    Unreachable,
)

SCOPE = Scope(account_id="123456789012", region="eu-central-1")


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch, tmp_path):
    """A user without any, on a machine that has none to give."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))


async def client_of(endpoints, service="s3", scope=SCOPE):
    with AwsClients.open(endpoints) as clients:
        return await clients.run(service, scope, lambda client: client)


def itself(client):
    return client


def credentials_of(client):
    return client._request_signer._credentials


async def test_a_service_is_asked_where_the_settings_say():
    endpoints = Endpoints(default="http://all.test", of_services={"s3": "http://objects.test:1"})
    assert (await client_of(endpoints)).meta.endpoint_url == "http://objects.test:1"
    assert (await client_of(endpoints, "kms")).meta.endpoint_url == "http://all.test"
    region = (await client_of(endpoints)).meta.region_name
    assert region == "eu-central-1"


async def test_without_an_endpoint_nobody_is_asked():
    with AwsClients.open(Endpoints(of_services={"kms": "http://keys.test"})) as clients:
        clients.check("kms")
        with pytest.raises(NoEndpoint, match=r"no endpoint of s3 is configured: .*aws_endpoints"):
            await clients.run("s3", SCOPE, lambda client: client)


async def test_aws_itself_is_asked_at_its_own_endpoint_whatever_the_environment_says(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://elsewhere.test")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "VARIABLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    client = await client_of(Endpoints(default="aws"), "kms")
    assert client.meta.endpoint_url == "https://kms.eu-central-1.amazonaws.com"


async def test_a_program_beside_the_server_gets_the_account_as_access_key():
    client = await client_of(Endpoints(default="http://all.test"))
    assert credentials_of(client).access_key == "123456789012"
    with pytest.raises(Unreachable, match="credentials"):
        await client_of(Endpoints(default="aws"))


async def test_the_operators_credentials_win(monkeypatch, tmp_path):
    (tmp_path / "credentials").write_text(
        "[near]\naws_access_key_id = NEAR\naws_secret_access_key = x\n"
    )
    client = await client_of(Endpoints(default="http://all.test", profile="near"))
    assert credentials_of(client).access_key == "NEAR"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "VARIABLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    client = await client_of(Endpoints(default="http://all.test"))
    assert credentials_of(client).access_key == "VARIABLE"


async def test_accounts_and_regions_have_clients_of_their_own_and_keep_them():
    with AwsClients.open(Endpoints(default="http://all.test")) as clients:

        async def client(account_id="123456789012", region="eu-central-1"):
            scope = Scope(account_id=account_id, region=region)
            return await clients.run("s3", scope, lambda client: client)

        first = await client()
        assert await client() is first
        assert await client(region="us-east-1") is not first
        assert await client(account_id="210987654321") is not first


async def test_with_the_operators_credentials_all_accounts_share_a_client(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "VARIABLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with AwsClients.open(Endpoints(default="http://all.test")) as clients:
        first, second = [
            await clients.run("s3", Scope(account_id=digit * 12, region="us-east-1"), itself)
            for digit in "12"
        ]
    assert first is second


async def test_credentials_are_searched_once_for_all_accounts(monkeypatch):
    searches = []

    def search(session):
        searches.append(session)

    monkeypatch.setattr(Session, "get_credentials", search)
    with AwsClients.open(Endpoints(default="http://all.test")) as clients:
        scopes = [Scope(account_id=digit * 12, region="us-east-1") for digit in "1234"]
        await asyncio.gather(*(clients.run("kms", scope, itself) for scope in scopes))
    assert len(searches) == 1


async def test_models_are_read_ahead_without_any_search_for_credentials(monkeypatch):
    def search(session):
        raise AssertionError("somebody searched")

    monkeypatch.setattr(Session, "get_credentials", search)
    read = []
    load = Loader.load_service_model

    def record(loader, name, *rest, **named):
        read.append(name)
        return load(loader, name, *rest, **named)

    monkeypatch.setattr(Loader, "load_service_model", record)
    with AwsClients.open(Endpoints(of_services={"kms": "http://keys.test"})) as clients:
        clients.load()
    assert set(read) == {"kms"}
    with AwsClients.open(Endpoints(default="aws", profile="nobody")) as clients:
        clients.load()  # who calls is told


async def test_a_client_that_makes_room_for_another_is_closed(monkeypatch):
    monkeypatch.setattr(clients_module, "_CLIENTS", 1)
    closed = []
    monkeypatch.setattr(BaseClient, "close", lambda client: closed.append(client))
    with AwsClients.open(Endpoints(default="http://all.test")) as clients:
        first = await clients.run("s3", SCOPE, itself)
        second = await clients.run("kms", SCOPE, itself)
        assert closed == [first]
    assert closed == [first, second]


async def test_calls_of_one_service_never_wait_for_those_of_another(monkeypatch):
    monkeypatch.setattr(clients_module, "_CALLS_AT_ONCE", 2)
    may_end = threading.Event()
    with AwsClients.open(Endpoints(default="http://all.test")) as clients:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(4):
                tasks.create_task(clients.run("s3", SCOPE, lambda client: may_end.wait()))
            assert await clients.run("kms", SCOPE, lambda client: "key") == "key"
            may_end.set()


async def test_a_service_that_never_ends_its_answer_is_waited_for_only_so_long():
    may_end = threading.Event()
    with AwsClients.open(Endpoints(default="http://all.test")) as clients:
        with pytest.raises(Unreachable, match=r"kms gave no answer in 0\.01 seconds"):
            await clients.run("kms", SCOPE, lambda client: may_end.wait(), within_seconds=0.01)
        may_end.set()


@pytest.mark.parametrize("error", [KeyError("Body"), binascii.Error("padding"), RecursionError()])
async def test_an_odd_answer_is_none_and_is_logged(error, caplog):
    def use(client):
        raise error

    with AwsClients.open(Endpoints(default="http://all.test")) as clients:
        with pytest.raises(Unreachable, match="what answers as kms cannot be understood"):
            await clients.run("kms", SCOPE, use)
    assert "what answers as kms" in caplog.text


async def test_an_endpoint_botocore_does_not_take_is_no_failure_of_the_server():
    with pytest.raises(Unreachable):
        await client_of(Endpoints(default="http://my_minio:9000"))


async def test_a_services_own_error_keeps_its_code_and_message():
    def use(client):
        raise ClientError({"Error": {"Code": "NoSuchKey", "Message": "It is not."}}, "GetObject")

    with AwsClients.open(Endpoints(default="http://all.test")) as clients:
        with pytest.raises(CallRefused) as caught:
            await clients.run("s3", SCOPE, use)
    assert (caught.value.code, caught.value.message) == ("NoSuchKey", "It is not.")


async def test_a_missing_answer_says_whose_it_is():
    def use(client):
        raise EndpointConnectionError(endpoint_url="http://all.test")

    with AwsClients.open(Endpoints(default="http://all.test")) as clients:
        with pytest.raises(Unreachable, match=r"http://all\.test"):
            await clients.run("s3", SCOPE, use)
    with AwsClients.open(Endpoints(default="aws", profile="nobody")) as clients:
        with pytest.raises(Unreachable, match="nobody"):
            await clients.run("s3", SCOPE, use)


async def test_the_companion_is_told_the_account_and_shown_no_credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "VARIABLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    client = await client_of(
        Endpoints(companion="http://companion.test", companion_secret="told to nobody")
    )
    assert credentials_of(client).access_key == "123456789012"
    sent = []

    def send(request, **_):
        sent.append(request)
        raise EndpointConnectionError(endpoint_url=request.url)

    client.meta.events.register("before-send", send)
    with pytest.raises(EndpointConnectionError):
        client.list_buckets()
    assert sent[0].headers["x-moto-account-id"] == b"123456789012"
    assert sent[0].headers["x-lambent-companion"] == b"told to nobody"


def test_an_endpoint_of_the_settings_wins_over_the_companion():
    endpoints = Endpoints(of_services={"s3": "http://s3.test"}, companion="http://companion.test")
    assert endpoints.of("sqs") == "http://companion.test"
    assert (endpoints.is_companion("sqs"), endpoints.is_companion("s3")) == (True, False)


async def test_what_the_server_calls_aws_with_is_known(monkeypatch):
    with AwsClients.open(Endpoints()) as clients:
        assert await clients.own_credentials() is None
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOPERATOR")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    with AwsClients.open(Endpoints()) as clients:
        own = await clients.own_credentials()
    assert own is not None
    assert (own.access_key_id, own.secret_access_key) == ("AKIAOPERATOR", "secret")
    assert own.session_token == "token"


async def test_without_the_operator_s_profile_the_server_has_no_credentials(caplog):
    with AwsClients.open(Endpoints(profile="missing")) as clients:
        assert await clients.own_credentials() is None
    assert "the server's own AWS credentials cannot be had" in caplog.text
