from __future__ import annotations

import asyncio

import pytest

from lambent.domain.errors import ServiceError

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:echo"
ROLE = "arn:aws:iam::123456789012:role/lambda"
OTHER_ROLE = "arn:aws:iam::123456789012:role/other"
DEAD_LETTERS = {"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:eu-central-1:123456789012:dead"}}


async def refused(call, code):
    with pytest.raises(ServiceError) as caught:
        await call
    assert caught.value.code == code
    return caught.value.message


def weights(**shares):
    """A RoutingConfig: `weights(v2=0.5)` gives version 2 half of the requests."""
    return {
        "AdditionalVersionWeights": {
            name.removeprefix("v"): value for name, value in shares.items()
        }
    }


@pytest.fixture
async def published(api):
    """A function with versions 1 and 2; 3 has another role, and 4 a dead-letter queue."""
    await api.active(Publish=True)
    for change in ({"Timeout": 5}, {"Role": OTHER_ROLE}, {"Role": ROLE, **DEAD_LETTERS}):
        await api.updated("UpdateFunctionConfiguration", FunctionName="echo", **change)
        await api("PublishVersion", FunctionName="echo")
    return api


@pytest.fixture
def create(published):
    async def create(name="live", version="1", **request):
        return await published(
            "CreateAlias", FunctionName="echo", Name=name, FunctionVersion=version, **request
        )

    return create


@pytest.fixture
def update(published):
    async def update(name="live", **request):
        return await published("UpdateAlias", FunctionName="echo", Name=name, **request)

    return update


async def listed(api, **request):
    answer = await api("ListAliases", FunctionName="echo", **request)
    return [alias["Name"] for alias in answer["Aliases"]]


async def test_an_alias_is_answered_as_it_was_made(published, create):
    answer = await create(Description="now", RoutingConfig=weights(v2=0.2))
    assert answer.pop("RevisionId")
    assert answer == {
        "AliasArn": f"{ARN}:live",
        "Name": "live",
        "FunctionVersion": "1",
        "Description": "now",
        "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.2}},
    }
    found = await published("GetAlias", FunctionName="echo", Name="live")
    assert found.pop("RevisionId")
    assert found == answer


@pytest.mark.parametrize("routing", [{}, {"RoutingConfig": {}}, {"RoutingConfig": weights()}])
async def test_without_weights_there_is_no_routing(create, routing):
    answer = await create("2024-01-02", **routing)
    assert (answer["RoutingConfig"], answer["Description"]) == (None, "")


async def test_an_alias_may_stand_for_latest(published, create):
    assert (await create(version="$LATEST"))["FunctionVersion"] == "$LATEST"
    found = await published("GetFunctionConfiguration", FunctionName="echo:live")
    assert (found["Version"], found["FunctionArn"]) == ("$LATEST", f"{ARN}:live")


@pytest.mark.parametrize(
    ("version", "routing", "message"),
    [
        (
            "1",
            weights(v1=0.8, v2=0.2),
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ),
        (
            "1",
            weights(v1=0.5),
            "Invalid function version 1. Function version 1 is already included in routing "
            "configuration.",
        ),
        (
            "$LATEST",
            weights(v1=0.5),
            "$LATEST is not supported for an alias pointing to more than 1 version",
        ),
        (
            "1",
            weights(v3=0.5),
            "Specified versions must be associated with the same execution role",
        ),
        (
            "1",
            weights(v4=0.5),
            "Specified versions must be associated with the same dead-letter queue configuration",
        ),
    ],
)
async def test_what_may_not_be_pointed_to_is_refused(
    published, create, update, version, routing, message
):
    call = create(version=version, RoutingConfig=routing)
    assert await refused(call, "InvalidParameterValueException") == message
    assert await listed(published) == []
    await create()
    call = update(FunctionVersion=version, RoutingConfig=routing)
    assert await refused(call, "InvalidParameterValueException") == message


@pytest.mark.parametrize(
    ("name", "version", "routing", "missing"),
    [
        ("echo", "10", weights(v2=0.5), "echo:10"),
        ("echo", "1", weights(v10=0.5), "echo:10"),
        ("echo", "$LATEST.PUBLISHED", {}, "echo:$LATEST.PUBLISHED"),
        ("nobody", "1", weights(v2=0.5), "nobody:1"),
    ],
)
async def test_what_is_not_there_cannot_be_pointed_to(published, name, version, routing, missing):
    call = published(
        "CreateAlias",
        FunctionName=name,
        Name="live",
        FunctionVersion=version,
        RoutingConfig=routing,
    )
    message = await refused(call, "ResourceNotFoundException")
    assert message == f"Function not found: {ARN[:-4]}{missing}"


async def test_a_name_is_given_once(create):
    await create()
    message = await refused(create(version="2"), "ResourceConflictException")
    assert message == f"Alias already exists: {ARN}:live"


async def test_a_missing_alias_is_told_by_each_operation_in_its_way(published, update):
    message = await refused(
        published("GetAlias", FunctionName="echo", Name="dead"), "ResourceNotFoundException"
    )
    assert message == f"Cannot find alias arn: {ARN}:dead"
    message = await refused(update("dead"), "ResourceNotFoundException")
    assert message == f"Alias not found: {ARN}:dead"
    for operation in ("GetFunction", "GetFunctionConfiguration"):
        call = published(operation, FunctionName="echo", Qualifier="dead")
        assert await refused(call, "ResourceNotFoundException") == f"Function not found: {ARN}:dead"
    assert await published("DeleteAlias", FunctionName="echo", Name="dead") == {}


@pytest.mark.parametrize(
    ("operation", "request_"), [("ListAliases", {}), ("DeleteAlias", {"Name": "live"})]
)
async def test_a_missing_function_has_no_aliases(api, operation, request_):
    call = api(operation, FunctionName="echo", **request_)
    assert await refused(call, "ResourceNotFoundException") == f"Function not found: {ARN}"


async def test_a_function_is_read_through_an_alias(published, create):
    await create(RoutingConfig=weights(v2=0.9))
    version = await published("GetFunctionConfiguration", FunctionName="echo:1")
    expected = {**version, "FunctionArn": f"{ARN}:live"}
    assert await published("GetFunctionConfiguration", FunctionName=f"{ARN}:live") == expected
    answer = await published("GetFunction", FunctionName="echo", Qualifier="live")
    assert answer["Configuration"] == expected


async def test_an_update_changes_what_it_names(create, update):
    made = await create(Description="now", RoutingConfig=weights(v2=0.2))
    moved = await update(FunctionVersion="1", Description="later")
    assert moved == {**made, "Description": "later", "RevisionId": moved["RevisionId"]}
    alone = await update(RoutingConfig=weights())
    assert (alone["RoutingConfig"], alone["Description"]) == (None, "later")
    moved = await update(FunctionVersion="2", Description="", RoutingConfig=weights(v1=1.0))
    assert (moved["FunctionVersion"], moved["Description"]) == ("2", "")
    assert moved["RoutingConfig"] == weights(v1=1.0)


async def test_an_alias_cannot_move_onto_the_version_it_gives_a_share_to(create, update):
    await create(RoutingConfig=weights(v2=0.2))
    message = await refused(update(FunctionVersion="2"), "InvalidParameterValueException")
    assert "Function version 2 is already included" in message


async def test_every_update_is_a_new_revision_and_versions_keep_theirs(published, create, update):
    versions = await published("ListVersionsByFunction", FunctionName="echo")
    first = await create()
    second = await update(RevisionId=first["RevisionId"])
    assert second == {**first, "RevisionId": second["RevisionId"]}
    assert second["RevisionId"] != first["RevisionId"]
    message = await refused(
        update(RevisionId=first["RevisionId"], Description="x"), "PreconditionFailedException"
    )
    assert message.startswith("The Revision Id provided does not match the latest Revision Id.")
    assert await published("GetAlias", FunctionName="echo", Name="live") == second
    assert await published("ListVersionsByFunction", FunctionName="echo") == versions


async def test_updates_at_the_same_time_all_count(published, create, update):
    first = await create()
    await asyncio.gather(update(Description="x"), update(RoutingConfig=weights(v2=0.5)))
    both = await published("GetAlias", FunctionName="echo", Name="live")
    assert (both["Description"], both["RoutingConfig"]) == ("x", weights(v2=0.5))
    guarded = [update(RevisionId=both["RevisionId"], Description=str(n)) for n in range(5)]
    results = await asyncio.gather(*guarded, return_exceptions=True)
    codes = [result.code for result in results if isinstance(result, ServiceError)]
    assert codes == ["PreconditionFailedException"] * 4
    assert first["RevisionId"] != both["RevisionId"]


async def test_aliases_are_listed_by_name_in_pages(published, create):
    for name, version, routing in [
        ("c", "1", {}),
        ("a", "1", {}),
        ("d", "2", {"RoutingConfig": weights(v1=0.1)}),
        ("b", "2", {}),
    ]:
        await create(name, version, **routing)
    assert await listed(published) == ["a", "b", "c", "d"]
    page = await published("ListAliases", FunctionName="echo", MaxItems=3)
    assert [alias["Name"] for alias in page["Aliases"]] == ["a", "b", "c"]
    assert await listed(published, Marker=page["NextMarker"]) == ["d"]
    assert await listed(published, FunctionVersion="1") == ["a", "c", "d"]
    assert await listed(published, FunctionVersion="2") == ["b", "d"]
    assert await listed(published, FunctionVersion="9") == []
    call = published(
        "ListAliases", FunctionName="echo", FunctionVersion="1", Marker=page["NextMarker"]
    )
    await refused(call, "InvalidParameterValueException")


async def test_a_version_stays_while_aliases_point_to_it(published, create, update):
    await create(RoutingConfig=weights(v2=0.0))
    await create("next")
    for version, names in (("1", "live, next"), ("2", "live")):
        call = published("DeleteFunction", FunctionName="echo", Qualifier=version)
        assert await refused(call, "ResourceConflictException") == (
            f"Unable to delete version because the following aliases reference it: [{names}]"
        )
    await update(RoutingConfig=weights())
    await published("DeleteFunction", FunctionName="echo:2")
    await published("DeleteAlias", FunctionName="echo", Name="next")
    assert await listed(published) == ["live"]


async def test_functions_take_their_aliases_with_them(published, create):
    await create()
    await published("DeleteFunction", FunctionName="echo")
    await published.active(Publish=True)
    assert await listed(published) == []


async def test_an_alias_is_not_deleted_as_a_function_and_nothing_is_changed_through_it(
    published, create
):
    await create()
    call = published("DeleteFunction", FunctionName="echo", Qualifier="live")
    message = await refused(call, "InvalidParameterValueException")
    assert message == "Deletion of aliases is not currently supported."
    for operation in ("UpdateFunctionConfiguration", "PublishVersion"):
        message = await refused(
            published(operation, FunctionName="echo:live"), "InvalidParameterValueException"
        )
        assert message.startswith("Current operation does not support versions other than $LATEST.")


async def test_accounts_and_regions_have_aliases_of_their_own(published, create):
    await create()
    for elsewhere in (published.of(account_id="210987654321"), published.of(region="us-east-1")):
        await elsewhere.active(Publish=True)
        assert await listed(elsewhere) == []
