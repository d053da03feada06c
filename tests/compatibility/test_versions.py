"""Published versions, and qualifiers that name them."""

from __future__ import annotations

import pytest
from tests.support.functions import zipped
from tests.support.refusals import refusal

OTHER_PACKAGE = zipped({"lambda_function.py": "other = 1"})


def listed(account, **options):
    answer = account.client().list_versions_by_function(FunctionName="greet", **options)
    return [version["Version"] for version in answer["Versions"]]


def change(account, **settings):
    account.client().update_function_configuration(FunctionName="greet", **settings)
    account.settle(waiter="function_updated_v2")


def test_a_version_is_latest_with_a_number(account):
    latest = account.created(Description="latest")
    version = account.client().publish_version(FunctionName="greet", Description="first")
    assert version["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert version["Version"] == "1"
    assert version["FunctionArn"] == account.arn("greet:1")
    assert version["Description"] == "first"
    assert (version["State"], version["LastUpdateStatus"]) == ("Active", "Successful")
    assert version["CodeSha256"] == latest["CodeSha256"]
    assert version["RevisionId"] != latest["RevisionId"]
    again = account.client().get_function_configuration(FunctionName="greet", Qualifier="1")
    assert again["RevisionId"] == version["RevisionId"]


def test_nothing_new_makes_no_new_version(account):
    account.created()
    first = account.client().publish_version(FunctionName="greet")
    assert account.client().publish_version(FunctionName="greet")["Version"] == "1"
    change(account, Description="changed")
    assert account.client().publish_version(FunctionName="greet")["Version"] == "2"
    kept = account.client().get_function_configuration(FunctionName="greet", Qualifier="1")
    assert kept["Description"] == first["Description"] == ""
    assert listed(account) == ["$LATEST", "1", "2"]


def test_a_number_is_never_given_twice(account):
    account.created(Publish=True)
    answer = account.client().delete_function(FunctionName="greet", Qualifier="1")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    change(account, Description="changed")
    assert account.client().publish_version(FunctionName="greet")["Version"] == "2"
    assert listed(account) == ["$LATEST", "2"]


def test_publishing_at_creation_answers_the_version_under_the_functions_arn(account):
    created = account.create(Publish=True)
    assert (created["Version"], created["FunctionArn"]) == ("1", account.arn("greet"))
    waiter = account.client().get_waiter("published_version_active")
    waiter.wait(FunctionName="greet", Qualifier="1", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    assert listed(account) == ["$LATEST", "1"]


def test_publishing_with_new_code_answers_a_version_that_is_pending(account):
    account.created()
    updated = account.client().update_function_code(
        FunctionName="greet", ZipFile=OTHER_PACKAGE, Publish=True
    )
    assert (updated["Version"], updated["State"]) == ("1", "Pending")
    assert updated["FunctionArn"] == account.arn("greet:1")
    assert "LastUpdateStatus" not in updated
    account.settle(waiter="function_updated_v2")
    latest = account.client().get_function_configuration(FunctionName="greet")
    assert latest["CodeSha256"] == updated["CodeSha256"]


def test_a_version_of_other_code_than_expected_is_not_published(account):
    latest = account.created()
    publish = account.client().publish_version
    assert refusal(publish, FunctionName="greet", CodeSha256="never") == (
        400,
        "InvalidParameterValueException",
        "CodeSHA256 (never) is different from current CodeSHA256 in $LATEST "
        f"({latest['CodeSha256']}). Please try again with the CodeSHA256 in $LATEST.",
    )
    assert publish(FunctionName="greet", CodeSha256=latest["CodeSha256"])["Version"] == "1"


def test_versions_are_listed_in_pages(account):
    account.created(Publish=True)
    for text in ("two", "three"):
        change(account, Description=text)
        account.client().publish_version(FunctionName="greet")
    paginator = account.client().get_paginator("list_versions_by_function")
    pages = list(paginator.paginate(FunctionName="greet", PaginationConfig={"PageSize": 3}))
    assert [[each["Version"] for each in page["Versions"]] for page in pages] == [
        ["$LATEST", "1", "2"],
        ["3"],
    ]
    assert pages[0]["Versions"][0]["FunctionArn"] == account.arn("greet:$LATEST")


def test_a_version_that_is_not_there(account):
    account.created()
    client = account.client()
    for operation in (client.get_function, client.get_function_configuration, client.invoke):
        assert refusal(operation, FunctionName="greet", Qualifier="1221") == (
            404,
            "ResourceNotFoundException",
            f"Function not found: {account.arn('greet:1221')}",
        )
    # What is not there is as deleted as it can be.
    client.delete_function(FunctionName="greet", Qualifier="1221")


def test_latest_goes_only_with_its_function(account):
    account.created()
    assert refusal(account.client().delete_function, FunctionName="greet:$LATEST") == (
        400,
        "InvalidParameterValueException",
        "$LATEST version cannot be deleted without deleting the function.",
    )
    refused = refusal(account.client().delete_function, FunctionName="greet", Qualifier="live")
    assert refused.message == "Deletion of aliases is not currently supported."


@pytest.mark.parametrize("operation", ["update_function_configuration", "update_function_code"])
def test_a_version_never_changes(account, operation):
    account.created(Publish=True)
    change = {"ZipFile": OTHER_PACKAGE} if operation.endswith("code") else {"Timeout": 5}
    refused = refusal(getattr(account.client(), operation), FunctionName="greet:1", **change)
    assert (refused.status, refused.code) == (400, "InvalidParameterValueException")
