from __future__ import annotations

import pytest

from lambent.domain.errors import ServiceError


async def refused(call, code):
    with pytest.raises(ServiceError) as caught:
        await call
    assert caught.value.code == code
    return caught.value.message


async def names_in(pages):
    return [[entry["FunctionName"] for entry in page] for page in pages]


async def pages_of(api, **request):
    pages = []
    while True:
        answer = await api("ListFunctions", **request)
        pages.append(answer["Functions"])
        if answer["NextMarker"] is None:
            return pages
        request["Marker"] = answer["NextMarker"]


async def test_lists_tell_no_state(api):
    await api.create(Environment={"Variables": {"A": "a"}})
    (entry,) = (await api("ListFunctions"))["Functions"]
    assert entry.keys() == {
        "Architectures",
        "CodeSha256",
        "CodeSize",
        "DeadLetterConfig",
        "Description",
        "Environment",
        "EphemeralStorage",
        "FileSystemConfigs",
        "FunctionArn",
        "FunctionName",
        "Handler",
        "KMSKeyArn",
        "LastModified",
        "Layers",
        "LoggingConfig",
        "MemorySize",
        "PackageType",
        "RevisionId",
        "Role",
        "Runtime",
        "SnapStart",
        "TenancyConfig",
        "Timeout",
        "TracingConfig",
        "Version",
        "VpcConfig",
    }


async def test_functions_are_listed_in_pages_by_name(api):
    for name in ("d", "b", "a", "c", "e"):
        await api.create(name)
    pages = await pages_of(api, MaxItems=2)
    assert await names_in(pages) == [["a", "b"], ["c", "d"], ["e"]]
    assert pages[0][0]["FunctionArn"].endswith(":function:a")


async def test_a_page_has_at_most_50_functions(api):
    for number in range(51):
        await api.create(f"f{number:02}")
    assert [len(page) for page in await pages_of(api, MaxItems=10000)] == [50, 1]


async def test_all_versions_are_listed_with_qualified_arns(api):
    for name in ("a", "b"):
        await api.active(name, Publish=True)
        await api.updated("UpdateFunctionConfiguration", FunctionName=name, Timeout=9)
        await api("PublishVersion", FunctionName=name)
    prefix = "arn:aws:lambda:eu-central-1:123456789012:function:"
    for size in (1, 2, 4, 6):
        pages = await pages_of(api, FunctionVersion="ALL", MaxItems=size)
        assert [entry["FunctionArn"].removeprefix(prefix) for page in pages for entry in page] == [
            "a:$LATEST",
            "a:1",
            "a:2",
            "b:$LATEST",
            "b:1",
            "b:2",
        ]


async def test_what_is_deleted_between_two_pages_hides_nothing_else(api):
    for name in ("a", "b", "c"):
        await api.create(name)
    first = await api("ListFunctions", MaxItems=2)
    await api("DeleteFunction", FunctionName="b")
    rest = await api("ListFunctions", Marker=first["NextMarker"])
    assert await names_in([rest["Functions"]]) == [["c"]]


async def test_a_marker_works_only_where_it_was_given(api):
    for name in ("a", "b"):
        await api.create(name)
    marker = (await api("ListFunctions", MaxItems=1))["NextMarker"]
    for other, request in [
        (api, {"FunctionVersion": "ALL"}),
        (api.of(account_id="000000000000"), {}),
        (api.of(region="us-east-1"), {}),
    ]:
        await refused(
            other("ListFunctions", Marker=marker, **request), "InvalidParameterValueException"
        )


async def test_no_function_is_a_replica_of_another_region(api):
    await api.create()
    everything = await api("ListFunctions", MasterRegion="ALL", FunctionVersion="ALL")
    assert len(everything["Functions"]) == 1
    replicas = await api("ListFunctions", MasterRegion="us-east-1", FunctionVersion="ALL")
    assert replicas["Functions"] == []
    await refused(api("ListFunctions", MasterRegion="ALL"), "InvalidParameterValueException")
