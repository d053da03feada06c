"""The life of a function as boto3 sees it: created, waited for, changed, listed, deleted."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from tests.support.functions import zipped
from tests.support.refusals import refusal
from tests.support.server import ROLE

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000"
PACKAGE = zipped({"lambda_function.py": "x = 1"})


def without_metadata(answer):
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def sha256(package):
    return base64.b64encode(hashlib.sha256(package).digest()).decode()


def assert_matches(text, pattern):
    assert re.fullmatch(pattern, text), text


def test_a_new_function_is_answered_as_aws_answers_it(account):
    answer = account.create(
        "greet",
        Code={"ZipFile": PACKAGE},
        Description="says hello",
        Timeout=30,
        MemorySize=256,
        Environment={"Variables": {"GREETING": "hello"}},
        EphemeralStorage={"Size": 1024},
        Tags={"team": "one"},
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    configuration = without_metadata(answer)
    assert_matches(configuration.pop("RevisionId"), UUID)
    assert_matches(configuration.pop("LastModified"), TIME)
    assert_matches(
        configuration.pop("RuntimeVersionConfig")["RuntimeVersionArn"],
        r"arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}",
    )
    assert configuration.pop("Architectures") in (["x86_64"], ["arm64"])
    assert configuration == {
        "FunctionName": "greet",
        "FunctionArn": account.arn("greet"),
        "Runtime": "python3.11",
        "Role": ROLE,
        "Handler": "lambda_function.handler",
        "CodeSize": len(PACKAGE),
        "CodeSha256": sha256(PACKAGE),
        "Description": "says hello",
        "Timeout": 30,
        "MemorySize": 256,
        "Version": "$LATEST",
        "Environment": {"Variables": {"GREETING": "hello"}},
        "TracingConfig": {"Mode": "PassThrough"},
        "PackageType": "Zip",
        "EphemeralStorage": {"Size": 1024},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/greet"},
        "State": "Pending",
        "StateReason": "The function is being created.",
        "StateReasonCode": "Creating",
    }


def test_what_is_left_out_has_awss_defaults(account):
    answer = account.create()
    assert (answer["Timeout"], answer["MemorySize"]) == (3, 128)
    assert answer["EphemeralStorage"] == {"Size": 512}
    assert answer["Description"] == ""
    assert "Environment" not in answer
    assert "LastUpdateStatus" not in answer


def test_an_active_function_has_no_reason_and_another_revision(account):
    created = account.create()
    account.settle()
    active = account.client().get_function_configuration(FunctionName="greet")
    assert (active["State"], active["LastUpdateStatus"]) == ("Active", "Successful")
    assert not active.keys() & {"StateReason", "StateReasonCode", "LastUpdateStatusReason"}
    assert active["RevisionId"] != created["RevisionId"]
    assert active["LastModified"] == created["LastModified"]


@pytest.mark.parametrize("waiter", ["function_active", "function_active_v2", "function_exists"])
def test_waiters_see_a_new_function(account, waiter):
    account.create()
    account.settle(waiter=waiter)


def test_get_function_has_code_and_tags(account):
    account.created(Tags={"a": "1"})
    answer = account.client().get_function(FunctionName="greet")
    assert without_metadata(answer).keys() == {"Configuration", "Code", "Tags"}
    assert answer["Configuration"] == without_metadata(
        account.client().get_function_configuration(FunctionName="greet")
    )
    assert answer["Code"].keys() == {"RepositoryType", "Location"}
    assert answer["Code"]["RepositoryType"] == "S3"
    assert answer["Tags"] == {"a": "1"}


def test_a_function_without_tags_has_none_in_its_answer(account):
    account.create()
    assert "Tags" not in account.client().get_function(FunctionName="greet")


def test_a_configuration_update_is_in_progress_and_then_successful(account):
    before = account.created(Environment={"Variables": {"FIRST": "1"}})
    updated = account.client().update_function_configuration(
        FunctionName="greet",
        Description="new",
        Timeout=10,
        Environment={"Variables": {"SECOND": "2"}},
    )
    assert updated["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert updated["State"] == "Active"
    assert updated["LastUpdateStatus"] == "InProgress"
    assert updated["LastUpdateStatusReason"] == "The function is being created."
    assert updated["LastUpdateStatusReasonCode"] == "Creating"
    account.settle(waiter="function_updated_v2")
    after = account.client().get_function_configuration(FunctionName="greet")
    assert after["LastUpdateStatus"] == "Successful"
    assert "LastUpdateStatusReason" not in after
    assert (after["Description"], after["Timeout"]) == ("new", 10)
    assert after["Environment"] == {"Variables": {"SECOND": "2"}}
    assert (after["MemorySize"], after["Handler"]) == (before["MemorySize"], before["Handler"])
    assert len({each["RevisionId"] for each in (before, updated, after)}) == 3
    assert after["LastModified"] > before["LastModified"]


def test_an_update_that_changes_nothing_is_an_update(account):
    before = account.created(Description="same")
    account.client().update_function_configuration(FunctionName="greet", Description="same")
    account.settle(waiter="function_updated")
    after = account.client().get_function_configuration(FunctionName="greet")
    assert after["RevisionId"] != before["RevisionId"]


def test_new_code_has_its_own_hash_and_leaves_the_rest(account):
    before = account.created(Description="kept")
    updated = account.client().update_function_code(FunctionName="greet", ZipFile=PACKAGE)
    assert updated["LastUpdateStatus"] == "InProgress"
    assert (updated["CodeSha256"], updated["CodeSize"]) == (sha256(PACKAGE), len(PACKAGE))
    assert updated["CodeSha256"] != before["CodeSha256"]
    assert (updated["Description"], updated["Version"]) == ("kept", "$LATEST")


def test_a_dry_run_answers_as_if_and_changes_nothing(account):
    before = account.created()
    answer = account.client().update_function_code(
        FunctionName="greet", ZipFile=PACKAGE, DryRun=True
    )
    assert answer["CodeSha256"] == sha256(PACKAGE)
    after = account.client().get_function_configuration(FunctionName="greet")
    assert without_metadata(after) == without_metadata(before)
    refused = refusal(
        account.client().update_function_code, FunctionName="greet", ZipFile=b"no", DryRun=True
    )
    assert refused.code == "InvalidParameterValueException"


@pytest.mark.parametrize(
    ("operation", "change"),
    [
        ("update_function_code", {"ZipFile": PACKAGE}),
        ("update_function_configuration", {"Description": "new"}),
        ("publish_version", {}),
    ],
)
def test_a_change_meant_for_another_revision_is_refused(account, operation, change):
    created = account.create()
    account.settle()
    call = getattr(account.client(), operation)
    assert refusal(call, FunctionName="greet", RevisionId=created["RevisionId"], **change) == (
        412,
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
    )
    current = account.client().get_function_configuration(FunctionName="greet")["RevisionId"]
    call(FunctionName="greet", RevisionId=current, **change)


def test_a_name_is_taken_once(account):
    account.create()
    assert refusal(account.create) == (
        409,
        "ResourceConflictException",
        "Function already exist: greet",
    )


def test_deletion_answers_204_and_then_there_is_nothing(account):
    account.created()
    client = account.client()
    answer = client.delete_function(FunctionName="greet")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    missing = (
        404,
        "ResourceNotFoundException",
        f"Function not found: {account.arn('greet')}",
    )
    for operation in (
        client.get_function,
        client.get_function_configuration,
        client.list_versions_by_function,
        client.update_function_configuration,
        client.publish_version,
        client.delete_function,
    ):
        assert refusal(operation, FunctionName="greet") == missing
    refused = refusal(client.update_function_code, FunctionName="greet", ZipFile=PACKAGE)
    assert refused == missing


def test_a_function_made_anew_starts_anew(account):
    account.created(Publish=True, Tags={"old": "1"})
    account.client().delete_function(FunctionName="greet")
    account.created(Publish=True)
    versions = account.client().list_versions_by_function(FunctionName="greet")["Versions"]
    # But numbers of versions are never used again.
    assert [each["Version"] for each in versions] == ["$LATEST", "2"]
    assert "Tags" not in account.client().get_function(FunctionName="greet")


# Lists


def names(answer):
    return [function["FunctionName"] for function in answer["Functions"]]


def test_a_list_is_sorted_and_says_nothing_of_states(account):
    for name in ("b", "a", "c"):
        account.created(name)
    answer = account.client().list_functions()
    assert names(answer) == ["a", "b", "c"]
    assert "NextMarker" not in answer
    listed = answer["Functions"][0]
    absent = {"State", "StateReason", "LastUpdateStatus", "RuntimeVersionConfig"}
    assert not listed.keys() & absent
    single = account.client().get_function_configuration(FunctionName="a")
    assert listed == {
        name: value for name, value in without_metadata(single).items() if name not in absent
    }


def test_pages_have_at_most_as_many_as_asked_for(account):
    for number in range(5):
        account.create(f"f{number}")
    client = account.client()
    first = client.list_functions(MaxItems=2)
    assert names(first) == ["f0", "f1"]
    second = client.list_functions(MaxItems=2, Marker=first["NextMarker"])
    assert names(second) == ["f2", "f3"]
    client.delete_function(FunctionName="f3")  # where the next page begins
    last = client.list_functions(MaxItems=2, Marker=second["NextMarker"])
    assert names(last) == ["f4"]
    assert "NextMarker" not in last


def test_a_page_never_has_more_than_fifty(account):
    for number in range(51):
        account.create(f"f{number:02d}", Code={"ZipFile": PACKAGE})
    answer = account.client().list_functions(MaxItems=10_000)
    assert len(answer["Functions"]) == 50
    paginator = account.client().get_paginator("list_functions")
    every = paginator.paginate(PaginationConfig={"PageSize": 20}).build_full_result()
    assert names(every) == [f"f{number:02d}" for number in range(51)]


def test_all_versions_are_listed_on_demand(account):
    account.created("one", Publish=True)
    account.created("two")
    paginator = account.client().get_paginator("list_functions")
    pages = paginator.paginate(FunctionVersion="ALL", PaginationConfig={"PageSize": 1})
    assert [each["FunctionArn"] for each in pages.search("Functions[]")] == [
        account.arn("one:$LATEST"),
        account.arn("one:1"),
        account.arn("two:$LATEST"),
    ]
    assert [each["FunctionArn"] for each in account.client().list_functions()["Functions"]] == [
        account.arn("one"),
        account.arn("two"),
    ]


def test_a_master_region_goes_with_all_versions(account):
    account.create()
    client = account.client()
    assert names(client.list_functions(FunctionVersion="ALL", MasterRegion="ALL")) == ["greet"]
    assert names(client.list_functions(FunctionVersion="ALL", MasterRegion="eu-west-1")) == []
    refused = refusal(client.list_functions, MasterRegion="us-east-1")
    assert (refused.status, refused.code) == (400, "InvalidParameterValueException")


def test_a_marker_that_was_not_given_out_is_refused(account):
    refused = refusal(account.client().list_functions, Marker="never")
    assert (refused.status, refused.code) == (400, "InvalidParameterValueException")


def test_account_settings_count_what_there_is(account):
    account.created(Publish=True, Code={"ZipFile": PACKAGE})
    answer = account.client().get_account_settings()
    assert answer["AccountUsage"] == {"FunctionCount": 1, "TotalCodeSize": 2 * len(PACKAGE)}
    assert answer["AccountLimit"] == {
        "CodeSizeUnzipped": 262_144_000,
        "CodeSizeZipped": 52_428_800,
        "ConcurrentExecutions": 1000,
        "TotalCodeSize": 80_530_636_800,
        "UnreservedConcurrentExecutions": 1000,
    }
