from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

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
    client = await client_of(Endpoints(default="aws"), "kms")
    assert client.meta.endpoint_url == "https://kms.eu-central-1.amazonaws.com"


async def test_a_program_beside_the_server_gets_the_account_as_access_key():
    client = await client_of(Endpoints(default="http://all.test"))
    assert credentials_of(client).access_key == "123456789012"
    assert credentials_of(await client_of(Endpoints(default="aws"))) is None


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
