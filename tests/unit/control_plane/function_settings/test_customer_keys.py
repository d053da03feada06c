"""KMSKeyArn, with a KMS that is a stand-in."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.aws.stand_ins import FakeAws, FakeKms

from lambent.aws.clients import CallRefused
from lambent.aws.variable_keys import VariableKeys
from lambent.domain.errors import ServiceError

INVALID = "InvalidParameterValueException"
FUNCTION = ("123456789012", "eu-central-1", "echo")
KEY = "arn:aws:kms:eu-central-1:123456789012:key/one"
OTHER_KEY = "arn:aws:kms:eu-central-1:123456789012:key/two"
SECRET = {"Variables": {"PASSWORD": "hunter2"}}


@pytest.fixture
def kms():
    return FakeKms({KEY: None, OTHER_KEY: None})


@pytest.fixture
def near(api, kms):
    aws: Any = FakeAws({"kms": kms})
    return replace(api, plane=replace(api.plane, aws=aws, variable_keys=VariableKeys(aws)))


async def refused(call):
    with pytest.raises(ServiceError) as caught:
        await call
    assert caught.value.code == INVALID
    return caught.value.message


async def update(api, **settings):
    return await api.updated("UpdateFunctionConfiguration", FunctionName="echo", **settings)


def stored(api):
    return api.plane.functions.version(*FUNCTION)


async def test_variables_are_kept_under_the_key_and_answered_in_plain_text(near):
    created = await near.active(KMSKeyArn=KEY, Environment=SECRET)
    assert (created["KMSKeyArn"], created["Environment"]) == (KEY, SECRET)
    version = stored(near)
    assert version.environment == {}
    assert "hunter2" not in json.dumps(version.sealed_environment.variables)
    listed = (await near("ListFunctions"))["Functions"]
    assert listed[0]["Environment"] == SECRET


async def test_a_published_version_has_them_too_and_what_stays_makes_no_new_version(near):
    await near.active(KMSKeyArn=KEY, Environment=SECRET, Publish=True)
    await update(near, Environment=SECRET)
    published = await near("PublishVersion", FunctionName="echo")
    assert (published["Version"], published["Environment"]) == ("1", SECRET)


async def test_new_variables_and_other_settings_leave_the_key(near):
    await near.active(KMSKeyArn=KEY, Environment=SECRET)
    before = stored(near)
    await update(near, Description="new")
    assert stored(near).sealed_environment == before.sealed_environment
    assert stored(near).configuration_id == before.configuration_id
    new = {"Variables": {"PASSWORD": "hunter3"}}
    changed = await update(near, Environment=new)
    assert (changed["KMSKeyArn"], changed["Environment"]) == (KEY, new)
    assert stored(near).configuration_id != before.configuration_id


async def test_a_key_can_come_change_and_go(near):
    await near.active(Environment=SECRET)
    for key in (KEY, OTHER_KEY):
        changed = await update(near, KMSKeyArn=key)
        assert (changed["KMSKeyArn"], changed["Environment"]) == (key, SECRET)
        assert stored(near).sealed_environment.key_arn == key
    gone = await update(near, KMSKeyArn="")
    assert (gone["KMSKeyArn"], gone["Environment"]) == (None, SECRET)
    assert stored(near).sealed_environment is None


async def test_a_key_is_tried_when_there_are_no_variables_yet(near):
    created = await near.active(KMSKeyArn=KEY)
    assert (created["KMSKeyArn"], created["Environment"]) == (KEY, None)
    missing = KEY.replace("one", "none")
    assert await refused(near.create("other", KMSKeyArn=missing)) == (
        "Lambda was unable to configure access to your environment variables because the KMS key "
        "is invalid for CreateGrant. Please check your KMS key settings. KMS Exception: "
        f"NotFoundException KMS Message: Key '{missing}' does not exist"
    )


async def test_when_the_key_is_gone_answers_say_why_there_are_no_variables(near, kms):
    await near.active(KMSKeyArn=KEY, Environment=SECRET)
    kms.problems[KEY] = CallRefused("DisabledException", f"{KEY} is disabled.")
    found = await near("GetFunctionConfiguration", FunctionName="echo")
    said = (
        "Lambda was unable to decrypt your environment variables because the KMS access was "
        "denied. Please check your KMS permissions. KMS Exception: DisabledException KMS Message: "
        f"{KEY} is disabled."
    )
    assert found["Environment"] == {"Error": {"ErrorCode": "DisabledException", "Message": said}}
    assert await refused(update(near, KMSKeyArn=OTHER_KEY)) == said
    # What does not need the old ones still works.
    await update(near, Timeout=4)
    repaired = await update(near, KMSKeyArn=OTHER_KEY, Environment=SECRET)
    assert repaired["Environment"] == SECRET


async def test_without_a_neighbour_a_key_is_refused(api):
    message = await refused(api.create(KMSKeyArn=KEY, Environment=SECRET))
    assert "no endpoint of kms is configured" in message
    assert "the server's own key" in message
    await api.active()
    await refused(api("UpdateFunctionConfiguration", FunctionName="echo", KMSKeyArn=KEY))
