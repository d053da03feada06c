from __future__ import annotations

import pytest

from lambent.domain.errors import ServiceError

CHANGES = [
    {"Runtime": "python3.13"},
    {"Role": "arn:aws:iam::123456789012:role/other"},
    {"Handler": "other.handler"},
    {"Timeout": 10},
    {"MemorySize": 512},
    {"EphemeralStorage": {"Size": 1024}},
    {"Environment": {"Variables": {"B": "b"}}},
]


async def refused(call, code):
    with pytest.raises(ServiceError) as caught:
        await call
    assert caught.value.code == code
    return caught.value.message


def settings(answer):
    changing = {"RevisionId", "LastModified"}
    return {name: value for name, value in answer.items() if name not in changing}


@pytest.mark.parametrize("change", [*CHANGES, {"Description": "new"}])
async def test_what_a_request_leaves_out_stays(api, change):
    before = await api.active(Environment={"Variables": {"A": "a"}})
    after = await api.updated("UpdateFunctionConfiguration", FunctionName="echo", **change)
    runtime = f"arn:aws:lambda:eu-central-1::runtime:{after['Runtime']}-2"
    change_seen = {**change, "RuntimeVersionConfig": {"RuntimeVersionArn": runtime}}
    assert settings(after) == {**settings(before), **change_seen}


@pytest.mark.parametrize("change", CHANGES)
async def test_new_settings_are_for_new_environments_only(api, change):
    await api.active()
    function = ("123456789012", "eu-central-1", "echo")
    before = api.plane.functions.version(*function).configuration_id
    await api.updated("UpdateFunctionConfiguration", FunctionName="echo", **change)
    assert api.plane.functions.version(*function).configuration_id != before


async def test_environments_are_kept_when_nothing_of_theirs_changes(api):
    await api.active()
    function = ("123456789012", "eu-central-1", "echo")
    before = api.plane.functions.version(*function).configuration_id
    await api.updated("UpdateFunctionConfiguration", FunctionName="echo", Description="new")
    assert api.plane.functions.version(*function).configuration_id == before


async def test_an_update_is_in_progress_until_it_is_deployed(api):
    before = await api.active()
    answer = await api("UpdateFunctionConfiguration", FunctionName="echo", Timeout=10)
    assert (answer["State"], answer["LastUpdateStatus"]) == ("Active", "InProgress")
    assert answer["FunctionArn"] == before["FunctionArn"]
    await api.settle()
    after = await api("GetFunctionConfiguration", FunctionName="echo")
    assert after["LastUpdateStatus"] == "Successful"
    assert len({each["RevisionId"] for each in (before, answer, after)}) == 3


async def test_an_update_that_changes_nothing_still_is_one(api):
    before = await api.active(Timeout=10)
    after = await api.updated("UpdateFunctionConfiguration", FunctionName="echo", Timeout=10)
    assert after["RevisionId"] != before["RevisionId"]
    assert after["LastModified"] > before["LastModified"]


async def test_environment_replaces_all_variables(api):
    await api.active(Environment={"Variables": {"A": "a", "B": "b"}})
    for environment, variables in [
        ({"Variables": {"C": "c"}}, {"C": "c"}),
        ({"Variables": {}}, {}),
        ({}, {}),
    ]:
        after = await api.updated(
            "UpdateFunctionConfiguration", FunctionName="echo", Environment=environment
        )
        assert after["Environment"] == {"Variables": variables}


async def test_latest_may_be_named(api):
    await api.active()
    answer = await api("UpdateFunctionConfiguration", FunctionName="echo:$LATEST", Timeout=9)
    assert answer["Timeout"] == 9


async def test_a_version_never_changes(api):
    await api.active(Publish=True)
    await refused(
        api("UpdateFunctionConfiguration", FunctionName="echo:1", Timeout=9),
        "InvalidParameterValueException",
    )


async def test_an_update_for_another_revision_is_refused(api):
    await api.active()
    await refused(
        api("UpdateFunctionConfiguration", FunctionName="echo", RevisionId="wrong"),
        "PreconditionFailedException",
    )


async def test_no_update_before_the_last_one_is_deployed(api):
    await api.create()
    for _ in range(2):
        await refused(
            api("UpdateFunctionConfiguration", FunctionName="echo", Timeout=9),
            "ResourceConflictException",
        )
        await api.settle()
        await api("UpdateFunctionConfiguration", FunctionName="echo", Timeout=8)


async def test_what_is_not_there_cannot_be_updated(api):
    await refused(
        api("UpdateFunctionConfiguration", FunctionName="echo"), "ResourceNotFoundException"
    )


async def test_the_log_group_a_function_has_anyway_is_taken(api):
    await api.active()
    answer = await api(
        "UpdateFunctionConfiguration",
        FunctionName="echo",
        LoggingConfig={"LogFormat": "Text", "LogGroup": "/aws/lambda/echo"},
    )
    assert answer["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/aws/lambda/echo"}
