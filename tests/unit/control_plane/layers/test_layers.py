from __future__ import annotations

import asyncio
import base64
import hashlib

import pytest

from lambent.control_plane.deployment_packages import code_location
from lambent.domain.errors import ServiceError

LAYER = "arn:aws:lambda:eu-central-1:123456789012:layer:tools"
MISSING = ("ResourceNotFoundException", "The resource you requested does not exist.")
INVALID = "InvalidParameterValueException"


async def refused(call):
    with pytest.raises(ServiceError) as caught:
        await call
    return caught.value.code, caught.value.message


@pytest.fixture
def publish(api, archive_of):
    async def publish(name="tools", text="tools", *, by=api, **request):
        content = {"ZipFile": archive_of(text)}
        return await by("PublishLayerVersion", LayerName=name, Content=content, **request)

    return publish


async def test_publishing_answers_the_version_and_where_it_is(api, publish, archive_of):
    answer = await publish(
        Description="Tools",
        LicenseInfo="MIT",
        CompatibleRuntimes=["python3.12", "python3.11"],
        CompatibleArchitectures=["x86_64"],
    )
    archive = archive_of("tools")
    content = answer.pop("Content")
    assert content.pop("Location").startswith("http://127.0.0.1:9000/_lambent/code/")
    assert content == {
        "CodeSha256": base64.b64encode(hashlib.sha256(archive).digest()).decode(),
        "CodeSize": len(archive),
    }
    assert answer == {
        "LayerArn": LAYER,
        "LayerVersionArn": f"{LAYER}:1",
        "Version": 1,
        "Description": "Tools",
        "CreatedDate": "2026-01-31T12:00:00.000+0000",
        "CompatibleRuntimes": ("python3.12", "python3.11"),
        "CompatibleArchitectures": ("x86_64",),
        "LicenseInfo": "MIT",
    }


async def test_the_location_leads_to_the_zip(api, publish, archive_of):
    location = (await publish())["Content"]["Location"]
    path, _, query = location.removeprefix("http://127.0.0.1:9000").partition("?")
    now = api.clock().timestamp()
    sha256 = code_location.verify(api.plane.code_location_key, path, query, now)
    with await api.plane.packages.open(sha256) as archive:
        assert archive.read() == archive_of("tools")


async def test_what_the_publisher_did_not_say_is_not_answered(publish):
    plain = await publish()
    assert plain["Description"] == ""
    assert plain["CompatibleRuntimes"] is plain["CompatibleArchitectures"] is None
    assert plain["LicenseInfo"] is None
    empty = await publish(CompatibleRuntimes=[], CompatibleArchitectures=[])
    assert empty["CompatibleRuntimes"] == empty["CompatibleArchitectures"] == ()


async def test_every_publication_is_a_version_though_nothing_changed(publish):
    assert [(await publish())["Version"] for _ in range(3)] == [1, 2, 3]


async def test_content_must_be_a_zip(api):
    for content in (
        {},
        {"S3Bucket": "bucket"},
        {"S3Key": "key"},
        {"ZipFile": b""},
        {"ZipFile": b"no zip"},
    ):
        code, _ = await refused(api("PublishLayerVersion", LayerName="tools", Content=content))
        assert code == INVALID
    assert (await api("ListLayers"))["Layers"] == []


async def test_a_version_is_got_by_name_by_arn_and_by_its_own_arn(api, publish):
    published = await publish(Description="Tools")
    for name in ("tools", LAYER):
        assert await api("GetLayerVersion", LayerName=name, VersionNumber=1) == published
    assert await api("GetLayerVersionByArn", Arn=f"{LAYER}:1") == published


async def test_what_does_not_exist_is_not_got(api, publish):
    await publish()
    assert await refused(api("GetLayerVersion", LayerName="nobody", VersionNumber=1)) == MISSING
    assert await refused(api("GetLayerVersion", LayerName="tools", VersionNumber=2)) == MISSING
    for arn in (f"{LAYER}:2", "arn:aws:lambda:::awslayer:AmazonLinux1803", f"{LAYER}:{'9' * 900}"):
        assert await refused(api("GetLayerVersionByArn", Arn=arn)) == MISSING


@pytest.mark.parametrize("operation", ["GetLayerVersion", "DeleteLayerVersion"])
@pytest.mark.parametrize("number", [0, -1])
async def test_numbers_begin_at_one(api, operation, number):
    call = api(operation, LayerName="tools", VersionNumber=number)
    assert await refused(call) == (INVALID, "Layer Version Cannot be less than 1")


async def test_layers_are_listed_by_name_with_their_newest_version(api, publish):
    for name in ("b", "a", "b"):
        await publish(name)
    listed = (await api("ListLayers"))["Layers"]
    newest = [each["LatestMatchingVersion"] for each in listed]
    assert [(each["LayerName"], each["LayerArn"]) for each in listed] == [
        (name, LAYER.replace("tools", name)) for name in "ab"
    ]
    assert [version["Version"] for version in newest] == [1, 2]
    assert all("Content" not in version and "LayerArn" not in version for version in newest)


async def test_a_filter_finds_the_newest_version_that_matches(api, publish):
    await publish(CompatibleRuntimes=["python3.12"], CompatibleArchitectures=["x86_64"])
    await publish(CompatibleRuntimes=["python3.13"], CompatibleArchitectures=["x86_64"])
    await publish("other")

    async def found(**filters):
        layers = (await api("ListLayers", **filters))["Layers"]
        return [each["LatestMatchingVersion"]["Version"] for each in layers]

    assert await found(CompatibleRuntime="python3.12") == [1]
    assert await found(CompatibleArchitecture="x86_64") == [2]
    assert await found(CompatibleRuntime="python3.12", CompatibleArchitecture="arm64") == []
    versions = await api("ListLayerVersions", LayerName="tools", CompatibleRuntime="python3.12")
    assert [each["Version"] for each in versions["LayerVersions"]] == [1]


async def test_layers_are_listed_in_pages(api, publish):
    for name in "abcde":
        await publish(name)
    names, request = [], {"MaxItems": 2}
    while True:
        answer = await api("ListLayers", **request)
        names.append([each["LayerName"] for each in answer["Layers"]])
        if answer["NextMarker"] is None:
            break
        request["Marker"] = answer["NextMarker"]
    assert names == [["a", "b"], ["c", "d"], ["e"]]


async def test_versions_are_listed_in_pages_the_newest_first(api, publish):
    for _ in range(12):
        await publish()
    first = await api("ListLayerVersions", LayerName="tools", MaxItems=10)
    await api("DeleteLayerVersion", LayerName="tools", VersionNumber=3)
    await publish()
    rest = await api("ListLayerVersions", LayerName="tools", Marker=first["NextMarker"])
    assert [each["Version"] for each in first["LayerVersions"]] == [*range(12, 2, -1)]
    assert [each["Version"] for each in rest["LayerVersions"]] == [2, 1]
    assert rest["NextMarker"] is None


async def test_a_layer_that_does_not_exist_has_no_versions(api):
    assert (await api("ListLayerVersions", LayerName="nobody"))["LayerVersions"] == []


async def test_a_marker_belongs_to_its_own_listing(api, publish):
    for _ in range(3):
        await publish()
    marker = (await api("ListLayerVersions", LayerName="tools", MaxItems=1))["NextMarker"]
    for operation, request in (("ListLayers", {}), ("ListLayerVersions", {"LayerName": "other"})):
        code, _ = await refused(api(operation, Marker=marker, **request))
        assert code == INVALID


async def test_deleting_twice_is_as_good_as_once(api, publish):
    await publish()
    for _ in range(2):
        assert await api("DeleteLayerVersion", LayerName="tools", VersionNumber=1) == {}
    assert (await api("ListLayers"))["Layers"] == []
    assert (await publish())["Version"] == 2


async def test_layers_count_towards_the_code_stored(api, publish, archive_of):
    await publish()
    await publish()
    usage = (await api("GetAccountSettings"))["AccountUsage"]
    assert usage == {"TotalCodeSize": 2 * len(archive_of("tools")), "FunctionCount": 0}


# Other accounts and regions


async def test_accounts_and_regions_have_their_own(api, publish):
    for elsewhere in (api.of(account_id="999999999999"), api.of(region="us-east-1")):
        await publish()
        assert (await elsewhere("ListLayers"))["Layers"] == []
        assert (await publish(by=elsewhere))["Version"] == 1


async def test_another_accounts_layer_is_out_of_reach(api, publish):
    await publish()
    stranger = api.of(account_id="999999999999")
    for operation, resource, request in (
        ("GetLayerVersion", f"{LAYER}:1", {"LayerName": LAYER, "VersionNumber": 1}),
        ("GetLayerVersion", f"{LAYER}:9", {"LayerName": LAYER, "VersionNumber": 9}),
        ("DeleteLayerVersion", f"{LAYER}:1", {"LayerName": LAYER, "VersionNumber": 1}),
        ("ListLayerVersions", LAYER, {"LayerName": LAYER}),
        ("PublishLayerVersion", LAYER, {"LayerName": LAYER, "Content": {"ZipFile": b""}}),
    ):
        assert await refused(stranger(operation, **request)) == (
            "AccessDeniedException",
            f"User: arn:aws:iam::999999999999:root is not authorized to perform: lambda:{operation} "
            f"on resource: {resource} because no resource-based policy allows the "
            f"lambda:{operation} action",
        )
    assert (await api("ListLayerVersions", LayerName="tools"))["LayerVersions"]


async def test_a_shared_version_can_be_got_and_no_more(api, publish):
    published = await publish()
    await publish()
    await api(
        "AddLayerVersionPermission",
        LayerName="tools",
        VersionNumber=1,
        StatementId="s",
        Action="lambda:GetLayerVersion",
        Principal="999999999999",
    )
    friend = api.of(account_id="999999999999")
    assert await friend("GetLayerVersionByArn", Arn=f"{LAYER}:1") == published
    for request in ({"LayerName": LAYER, "VersionNumber": 2}, {"LayerName": LAYER}):
        operation = "GetLayerVersion" if "VersionNumber" in request else "ListLayerVersions"
        assert (await refused(friend(operation, **request)))[0] == "AccessDeniedException"


async def test_a_layer_of_another_region_is_not_found_there(api, publish):
    await publish()
    there = api.of(region="us-east-1")
    assert await refused(there("GetLayerVersionByArn", Arn=f"{LAYER}:1")) == MISSING
    assert (await there("ListLayerVersions", LayerName=LAYER))["LayerVersions"] == []
    await there("DeleteLayerVersion", LayerName=LAYER, VersionNumber=1)
    assert (await refused(publish(LAYER, by=there)))[0] == INVALID
    assert len((await api("ListLayerVersions", LayerName="tools"))["LayerVersions"]) == 1


async def test_layers_outlive_a_restart(opened_api, tmp_path, archive_of):
    request = {"LayerName": "tools", "Content": {"ZipFile": archive_of("tools")}}
    async with opened_api(tmp_path) as api:
        published = await api("PublishLayerVersion", **request)
    async with opened_api(tmp_path) as api:
        assert await api("GetLayerVersion", LayerName="tools", VersionNumber=1) == published
        versions = await asyncio.gather(*(api("PublishLayerVersion", **request) for _ in range(3)))
        assert sorted(each["Version"] for each in versions) == [2, 3, 4]
