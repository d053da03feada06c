from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.versions import function_version
from tests.unit.aws.stand_ins import FakeAws, FakeKms

from lambent.aws.clients import CallRefused, NoEndpoint, Unreachable
from lambent.aws.variable_keys import VariableKeys
from lambent.domain.errors import ServiceError

KEY = "arn:aws:kms:us-east-1:123456789012:key/k"
VARIABLES = {"PASSWORD": "hunter2"}
VERSION = function_version(has_environment=True, kms_key_arn=KEY)


@pytest.fixture
def kms():
    return FakeKms({KEY: None})


@pytest.fixture
def keys(kms):
    aws: Any = FakeAws({"kms": kms})
    return VariableKeys(aws)


async def sealed(keys, version=VERSION):
    return replace(version, sealed_environment=await keys.seal(VARIABLES, version, KEY))


async def test_variables_open_as_they_were_sealed(keys):
    version = await sealed(keys)
    assert "hunter2" not in repr(version.sealed_environment)
    assert await keys.open(version) == VARIABLES
    opened = await keys.opened(version)
    assert (opened.environment, opened.sealed_environment) == (VARIABLES, None)
    # A published version has those of `$LATEST`.
    assert await keys.open(replace(version, version="1")) == VARIABLES


async def test_variables_without_a_key_need_nobody():
    nobody: Any = FakeAws()
    keys = VariableKeys(nobody)
    version = function_version(environment=VARIABLES)
    assert await keys.open(version) == VARIABLES
    assert await keys.opened(version) is version


@pytest.mark.parametrize("change", [{"name": "other"}, {"account_id": "210987654321"}])
async def test_they_do_not_open_for_another_function(keys, change):
    version = replace(await sealed(keys), **change)
    with pytest.raises(CallRefused, match="InvalidCiphertextException"):
        await keys.open(version)


async def test_changed_ones_do_not_open(keys):
    version = await sealed(keys)
    envelope = replace(version.sealed_environment, variables="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
    with pytest.raises(CallRefused, match="InvalidCiphertextException"):
        await keys.open(replace(version, sealed_environment=envelope))


@pytest.mark.parametrize(
    ("code", "answered", "words"),
    [
        ("AccessDeniedException", "KMSAccessDeniedException", "KMS access was denied"),
        ("DisabledException", "KMSDisabledException", "the KMS key used is disabled"),
        (
            "KMSInvalidStateException",
            "KMSInvalidStateException",
            "the state of the KMS key used is not valid for Decrypt",
        ),
        ("NotFoundException", "KMSNotFoundException", "the KMS key was not found"),
        ("IncorrectKeyException", "KMSAccessDeniedException", "KMS access was denied"),
    ],
)
async def test_an_invocation_is_told_what_became_of_the_key(keys, kms, code, answered, words):
    version = await sealed(keys)
    kms.problems[KEY] = CallRefused(code, "Reason.")
    with pytest.raises(ServiceError) as caught:
        await keys.opened(version)
    assert caught.value.code == answered
    assert caught.value.message == (
        f"Lambda was unable to decrypt the environment variables because {words}. Please check "
        f"the function's KMS key settings. KMS Exception: {code}KMS Message: Reason."
    )


async def test_without_an_endpoint_an_invocation_is_told_so(keys):
    nobody: Any = FakeAws()
    with pytest.raises(ServiceError, match="no endpoint of kms is configured") as caught:
        await VariableKeys(nobody).opened(await sealed(keys))
    assert caught.value.code == "ServiceException"
    with pytest.raises(NoEndpoint):
        await VariableKeys(nobody).seal(VARIABLES, VERSION, KEY)


async def test_who_answers_with_other_keys_than_were_asked_for_is_not_used():
    class Odd(FakeKms):
        answer: Any

        def generate_data_key(self, **request: Any) -> Any:
            return self.answer

    kms = Odd({KEY: None})
    aws: Any = FakeAws({"kms": kms})
    for answer in ({"Plaintext": b"short", "CiphertextBlob": b"c"}, {}, {"Plaintext": None}):
        kms.answer = {"CiphertextBlob": b"c", **answer}
        with pytest.raises(Unreachable, match="256 bits"):
            await VariableKeys(aws).seal(VARIABLES, VERSION, KEY)
    for data_key in (b"", b"c" * 6145):
        kms.answer = {"Plaintext": b"k" * 32, "CiphertextBlob": data_key}
        with pytest.raises(Unreachable, match="encrypts no keys"):
            await VariableKeys(aws).seal(VARIABLES, VERSION, KEY)


@pytest.mark.parametrize("answer", [{}, {"Plaintext": None}, {"Plaintext": b"i\xb7"}])
async def test_garbage_in_place_of_a_key_opens_nothing(kms, keys, answer):
    version = await sealed(keys)
    kms.decrypt = lambda **request: answer
    with pytest.raises(ServiceError) as caught:
        await keys.opened(version)
    assert caught.value.code == "KMSAccessDeniedException"
