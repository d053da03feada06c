"""Which members AWS answers, operation by operation, and how it spells its errors.

Our own account of what answers recorded from AWS in November 2025 show. Values are the other
tests' matter.
"""

from __future__ import annotations

import pytest
from tests.support.functions import zipped
from tests.support.http_requests import scope_header, send

LISTED = {
    *("Architectures", "CodeSha256", "CodeSize", "Description", "EphemeralStorage", "FunctionArn"),
    *("FunctionName", "Handler", "LastModified", "LoggingConfig", "MemorySize", "PackageType"),
    *("RevisionId", "Role", "Runtime", "SnapStart", "Timeout", "TracingConfig", "Version"),
}
SETTLED = LISTED | {"State", "LastUpdateStatus", "RuntimeVersionConfig"}
CREATED = (SETTLED - {"LastUpdateStatus"}) | {"StateReason", "StateReasonCode"}
UPDATING = SETTLED | {"LastUpdateStatusReason", "LastUpdateStatusReasonCode"}
PACKAGE = zipped({"lambda_function.py": "x = 2"})


def members(answer):
    return answer.keys() - {"ResponseMetadata"}


def status(answer):
    return answer["ResponseMetadata"]["HTTPStatusCode"]


def test_members_of_configurations(account):
    client = account.client()
    created = account.create()
    assert (status(created), members(created)) == (201, CREATED)
    account.settle()
    got = client.get_function_configuration(FunctionName="greet")
    assert (status(got), members(got)) == (200, SETTLED)
    assert client.get_function(FunctionName="greet")["Configuration"].keys() == SETTLED
    updated = client.update_function_configuration(FunctionName="greet", Timeout=9)
    assert (status(updated), members(updated)) == (200, UPDATING)
    account.settle(waiter="function_updated_v2")
    published = client.publish_version(FunctionName="greet")
    assert (status(published), members(published)) == (201, SETTLED)
    renewed = client.update_function_code(FunctionName="greet", ZipFile=PACKAGE, Publish=True)
    assert (status(renewed), members(renewed)) == (200, CREATED)
    for version in client.list_versions_by_function(FunctionName="greet")["Versions"]:
        assert version.keys() == LISTED
    for function in client.list_functions(FunctionVersion="ALL")["Functions"]:
        assert function.keys() == LISTED


def test_variables_are_answered_once_they_were_given(account):
    empty = account.create("empty", Environment={"Variables": {}})
    assert empty["Environment"] == {"Variables": {}}
    assert "Environment" not in account.created("none")
    changed = account.client().update_function_configuration(
        FunctionName="none", Environment={"Variables": {"GREETING": "hello"}}
    )
    assert changed["Environment"] == {"Variables": {"GREETING": "hello"}}


def test_members_of_other_answers(account):
    account.created(Tags={"a": "1"})
    client = account.client()
    assert members(client.get_function(FunctionName="greet")) == {"Code", "Configuration", "Tags"}
    assert members(client.list_tags(Resource=account.arn("greet"))) == {"Tags"}
    assert members(client.list_functions()) == {"Functions"}
    assert members(client.get_account_settings()) == {"AccountLimit", "AccountUsage"}
    invoked = client.invoke(FunctionName="greet", InvocationType="DryRun")
    assert members(invoked) == {"StatusCode", "Payload"}


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "/2015-03-31/functions/nobody", "", (404, {"Message", "Type"})),
        ("DELETE", "/2015-03-31/functions/greet:$LATEST", "", (400, {"message", "Type"})),
        (
            "PUT",
            "/2015-03-31/functions/greet/code",
            '{"ZipFile": "bm8="}',
            (400, {"message", "Type"}),
        ),
        (
            "PUT",
            "/2015-03-31/functions/greet/configuration",
            '{"RevisionId": "never"}',
            (412, {"message", "Type"}),
        ),
        ("GET", "/2015-03-31/functions/no!", "", (400, {"message"})),
        ("POST", "/2015-03-31/functions/greet/invocations", "{", (400, {"message", "Type"})),
    ],
    ids=["missing", "latest", "no zip", "revision", "invalid", "no json"],
)
def test_an_error_is_spelled_as_aws_spells_it(account, method, path, body, expected):
    account.created()
    headers = scope_header("lambda", account=account.id)
    answer = send(account.server, method, path, body, headers)
    assert (answer.status, answer.document.keys()) == expected
    assert answer.document.get("Type", "User") == "User"
