from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lambent.control_plane.function_urls.function_url_configs import address
from lambent.domain.errors import ServiceError
from lambent.store.function_urls import FunctionUrlIndex

ACCOUNT = "arn:aws:lambda:eu-central-1:123456789012"
ARN = f"{ACCOUNT}:function:echo"
CREATE = "CreateFunctionUrlConfig"
UPDATE = "UpdateFunctionUrlConfig"
GET = "GetFunctionUrlConfig"
DELETE = "DeleteFunctionUrlConfig"
LIST = "ListFunctionUrlConfigs"
NO_FUNCTION = ("ResourceNotFoundException", "Function does not exist")
NONE_THERE = ("ResourceNotFoundException", "The resource you requested does not exist.")


@pytest.fixture
async def function(api):
    """A function with version 1 and an alias of it."""
    await api.active(Publish=True)
    await api("CreateAlias", FunctionName="echo", Name="live", FunctionVersion="1")
    return api


async def create(api, name="echo", **request):
    return await api(CREATE, **{"FunctionName": name, "AuthType": "NONE", **request})


async def refused(call):
    with pytest.raises(ServiceError) as caught:
        await call
    return caught.value.code, caught.value.message


async def listed(api, **request):
    return (await api(LIST, FunctionName="echo", **request))["FunctionUrlConfigs"]


async def test_what_is_created_is_read_again(function):
    created = await create(function)
    url = created["FunctionUrl"]
    assert re.fullmatch(r"http://[a-z0-9]{32}\.lambda-url\.eu-central-1\.localhost:9000/", url)
    assert created == {
        "FunctionUrl": url,
        "FunctionArn": ARN,
        "AuthType": "NONE",
        "Cors": None,
        "CreationTime": "2026-01-31T12:00:00.000000Z",
        "InvokeMode": None,
    }
    read = {**created, "LastModifiedTime": created["CreationTime"], "InvokeMode": "BUFFERED"}
    assert await function(GET, FunctionName="echo") == read
    assert await listed(function) == [read]


async def test_with_tls_it_is_there(function):
    plane = replace(function.plane, secure_endpoint="https://[::1]:9443")
    await create(function)
    [url] = function.plane.function_urls.of_function("123456789012", "eu-central-1", "echo")
    assert address(plane, url) == f"https://{url.url_id}.lambda-url.eu-central-1.localhost:9443/"


async def test_an_update_changes_what_it_names_and_never_the_address(function):
    cors = {"AllowOrigins": ["https://example.com"], "AllowMethods": ["GET", "*"], "MaxAge": 0}
    created = await create(function, Cors=cors)
    assert created["Cors"] == cors
    function.clock.advance(seconds=1.5)
    updated = await function(UPDATE, FunctionName="echo", AuthType="AWS_IAM")
    later = "2026-01-31T12:00:01.500000Z"
    assert updated == {**created, "AuthType": "AWS_IAM", "LastModifiedTime": later}
    await function(UPDATE, FunctionName="echo", InvokeMode="RESPONSE_STREAM")
    answer = await function(UPDATE, FunctionName="echo")
    assert answer == {**updated, "InvokeMode": "RESPONSE_STREAM"}
    answer = await function(UPDATE, FunctionName="echo", Cors={"AllowOrigins": ["*"]})
    assert answer["Cors"] == {"AllowOrigins": ["*"]}
    assert (await function(UPDATE, FunctionName="echo", Cors={}))["Cors"] is None
    read = await function(GET, FunctionName="echo")
    assert (read["FunctionUrl"], read["Cors"]) == (created["FunctionUrl"], None)


@pytest.mark.parametrize(
    "request_", [{"name": "echo:live"}, {"Qualifier": "live"}, {"name": f"{ARN}:live"}]
)
async def test_an_alias_has_a_url_of_its_own(function, request_):
    of_function, of_alias = await create(function), await create(function, **request_)
    assert of_alias["FunctionArn"] == f"{ARN}:live"
    assert of_alias["FunctionUrl"] != of_function["FunctionUrl"]
    assert await function(DELETE, FunctionName="echo") == {}
    assert await refused(function(GET, FunctionName="echo")) == NONE_THERE
    kept = await function(GET, FunctionName="echo", Qualifier="live")
    assert kept["FunctionUrl"] == of_alias["FunctionUrl"]


async def test_there_is_one_at_a_time(function):
    first = await create(function)
    assert await refused(create(function)) == (
        "ResourceConflictException",
        f"Failed to create function url config for [functionArn = {ARN}]. Error message:  "
        "FunctionUrlConfig exists for this Lambda function",
    )
    await function(DELETE, FunctionName="echo")
    assert await refused(function(DELETE, FunctionName="echo")) == NONE_THERE
    assert (await create(function))["FunctionUrl"] != first["FunctionUrl"]


@pytest.mark.parametrize(
    "request_",
    [
        {"FunctionName": "gone"},
        {"FunctionName": f"{ACCOUNT}:function:gone"},
        {"FunctionName": "echo", "Qualifier": "dead"},
    ],
)
async def test_what_is_not_there_has_none(function, request_):
    assert await refused(function(CREATE, **request_, AuthType="NONE")) == NO_FUNCTION
    assert await refused(function(UPDATE, **request_, AuthType="NONE")) == NO_FUNCTION
    assert await refused(function(GET, **request_)) == NONE_THERE
    assert await refused(function(DELETE, **request_)) == NONE_THERE


async def test_a_function_without_one_has_none(function):
    for operation in (UPDATE, GET, DELETE):
        assert await refused(function(operation, FunctionName="echo")) == NONE_THERE
    assert await listed(function) == []
    assert await refused(function(LIST, FunctionName="gone")) == NO_FUNCTION


async def test_it_goes_with_its_alias_or_function(function):
    created = [await create(function), await create(function, Qualifier="live")]
    index = FunctionUrlIndex(function.plane.function_urls)
    ids = [url["FunctionUrl"].split("//")[1].split(".")[0] for url in created]
    assert [url and url.arn for url in map(index.get, ids)] == [ARN, f"{ARN}:live"]
    await function("DeleteAlias", FunctionName="echo", Name="live")
    await function("CreateAlias", FunctionName="echo", Name="live", FunctionVersion="1")
    assert await refused(function(GET, FunctionName="echo:live")) == NONE_THERE
    await function("DeleteFunction", FunctionName="echo")
    await function.active()
    assert await refused(function(GET, FunctionName="echo")) == NONE_THERE
    assert [index.get(each) for each in ids] == [None, None]


async def test_none_is_left_of_an_alias_that_is_deleted_at_the_same_moment(function, monkeypatch):
    records = function.plane.function_urls
    put = records.put

    async def put_too_late(record, **options):
        await function("DeleteAlias", FunctionName="echo", Name="live")
        await put(record, **options)

    await create(function, Qualifier="live")
    monkeypatch.setattr(records, "put", put_too_late)
    assert await refused(function(UPDATE, FunctionName="echo:live")) == NO_FUNCTION
    assert await listed(function) == []
    await function("CreateAlias", FunctionName="echo", Name="live", FunctionVersion="1")
    assert await refused(create(function, "echo:live")) == NO_FUNCTION
    assert await listed(function) == []


async def test_they_are_listed_in_pages(function):
    await function("CreateAlias", FunctionName="echo", Name="beta", FunctionVersion="1")
    for name in ("echo:live", "echo", "echo:beta"):
        await create(function, name)
    first = await function(LIST, FunctionName="echo", MaxItems=1)
    second = await function(LIST, FunctionName="echo", MaxItems=2, Marker=first["NextMarker"])
    assert [
        each["FunctionArn"].removeprefix(ARN)
        for page in (first, second)
        for each in page["FunctionUrlConfigs"]
    ] == ["", ":beta", ":live"]
    assert second["NextMarker"] is None


async def test_a_function_with_tenants_has_none(api):
    await api.active(TenancyConfig={"TenantIsolationMode": "PER_TENANT"})
    assert await refused(create(api)) == (
        "InvalidParameterValueException",
        "Function URL is not supported for functions with tenant isolation mode.",
    )
