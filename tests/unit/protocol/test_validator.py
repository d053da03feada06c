"""Messages here are as AWS words them in recorded answers of the real service."""

from __future__ import annotations

import json

import pytest

from lambent.domain.errors import ServiceError

ROLE = "arn:aws:iam::000000000000:role/r"


def refusal(service, request):
    with pytest.raises(ServiceError) as caught:
        service.parse(request)
    return caught.value


def act_refusal(service, request_of, body):
    return refusal(service, request_of(body=json.dumps(body).encode())).message


def create(request_of, **members):
    given = {"FunctionName": "f", "Role": ROLE, "Code": {"ZipFile": ""}, **members}
    return request_of(path="/2015-03-31/functions", body=json.dumps(given).encode())


def test_a_broken_pattern(lambda_service, request_of):
    error = refusal(lambda_service, create(request_of, Role="r1"))
    assert error.code == "ValidationException"
    assert error.message == (
        "1 validation error detected: Value 'r1' at 'role' failed to satisfy constraint: Member "
        r"must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?"
        r"[a-zA-Z_0-9+=,.@\-_/]+"
    )


def test_a_missing_member(lambda_service, request_of):
    body = json.dumps({"FunctionName": "f", "Role": ROLE}).encode()
    error = refusal(lambda_service, request_of(path="/2015-03-31/functions", body=body))
    assert error.message == (
        "1 validation error detected: Value null at 'code' failed to satisfy constraint: "
        "Member must not be null"
    )


def test_several_errors_are_listed_in_one_message(lambda_service, request_of):
    name = "arn:aws:lambda:invalid-region:000000000000:function:f" + "a" * 140
    message = refusal(lambda_service, create(request_of, FunctionName=name, MemorySize=1)).message
    head, *rest = message.split("; ")
    assert head == (
        f"3 validation errors detected: Value '{name}' at 'functionName' failed to satisfy "
        "constraint: Member must have length less than or equal to 140"
    )
    assert "regular expression pattern" in rest[0]
    assert rest[1] == (
        "Value '1' at 'memorySize' failed to satisfy constraint: "
        "Member must have value greater than or equal to 128"
    )


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"Architectures": ["X86_64"]},
            "Value '[X86_64]' at 'architectures' failed to satisfy constraint: Member must satisfy "
            "constraint: [Member must satisfy enum value set: [x86_64, arm64], "
            "Member must not be null]",
        ),
        (
            {"Architectures": ["x86_64", "arm64"]},
            "Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: "
            "Member must have length less than or equal to 1",
        ),
        (
            {"VpcConfig": {"SubnetIds": ["bad"]}},
            "Value '[bad]' at 'vpcConfig.subnetIds' failed to satisfy constraint: Member must "
            "satisfy constraint: [Member must have length less than or equal to 1024, Member must "
            "have length greater than or equal to 0, Member must satisfy regular expression "
            "pattern: subnet-[0-9a-z]*]",
        ),
        (
            {"SnapStart": {"ApplyOn": "invalidOption"}},
            "Value 'invalidOption' at 'snapStart.applyOn' failed to satisfy constraint: "
            "Member must satisfy enum value set: [PublishedVersions, None]",
        ),
    ],
)
def test_nested_members_and_lists(lambda_service, request_of, members, message):
    error = refusal(lambda_service, create(request_of, **members))
    assert error.message == f"1 validation error detected: {message}"


def test_lambda_checks_the_runtime_itself(lambda_service, request_of):
    _, given = lambda_service.parse(create(request_of, Runtime="cobol"))
    assert given["Runtime"] == "cobol"


@pytest.mark.parametrize(
    ("weights", "constraint"),
    [
        (
            {"2": 2},
            "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, "
            "Member must have value greater than or equal to 0.0, Member must not be null]",
        ),
        (
            {"$LATEST": 0.5},
            "Map keys must satisfy constraint: [Member must have length less than or equal to "
            "1024, Member must have length greater than or equal to 1, Member must satisfy regular "
            "expression pattern: [0-9]+]",
        ),
    ],
)
def test_maps(lambda_service, request_of, weights, constraint):
    body = {
        "Name": "a",
        "FunctionVersion": "1",
        "RoutingConfig": {"AdditionalVersionWeights": weights},
    }
    request = request_of(path="/2015-03-31/functions/f/aliases", body=json.dumps(body).encode())
    ((key, value),) = weights.items()
    assert refusal(lambda_service, request).message == (
        f"1 validation error detected: Value '{{{key}={float(value)}}}' at "
        f"'routingConfig.additionalVersionWeights' failed to satisfy constraint: {constraint}"
    )


def test_value_sets_are_listed_in_awss_order(lambda_service, request_of):
    body = json.dumps({"RecursiveLoop": "x"}).encode()
    request = request_of("PUT", "/2024-08-31/functions/f/recursion-config", body=body)
    assert refusal(lambda_service, request).message.endswith("value set: [Terminate, Allow]")


def test_members_bound_to_the_query_are_required_too(lambda_service, request_of):
    resource = "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af"
    error = refusal(lambda_service, request_of("DELETE", f"/2017-03-31/tags/{resource}"))
    assert error.message.endswith(
        "Value null at 'tagKeys' failed to satisfy constraint: Member must not be null"
    )


def test_the_function_of_an_invoke_is_checked(lambda_service, request_of):
    path = "/2015-03-31/functions/my-function%21/invocations"
    error = refusal(lambda_service, request_of(path=path))
    assert error.message.startswith(
        "1 validation error detected: Value 'my-function!' at 'functionName' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: (arn:"
    )


def test_logs_answers_its_own_code_where_the_operation_declares_it(logs_service, request_of):
    headers = {"x-amz-target": "Logs_20140328.GetLogEvents"}
    body = b'{"logGroupName": "g", "logStreamName": "s", "limit": 10001}'
    error = refusal(logs_service, request_of(path="/", headers=headers, body=body))
    assert error.code == "InvalidParameterException"
    assert error.message == (
        "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: "
        "Member must have value less than or equal to 10000"
    )


def nested(service, structure):
    return service(
        {"Items": "Items", "ByName": "ByName"},
        shapes={
            "Short": {"type": "string", "max": 2},
            "Item": structure({"Name": "Short", "Inner": "Item"}, required=["Name"]),
            "Items": {"type": "list", "max": 1000, "member": {"shape": "Item"}},
            "ByName": {"type": "map", "key": {"shape": "Short"}, "value": {"shape": "Item"}},
        },
    )


def test_structures_in_lists_are_named_by_number(service, structure, request_of):
    body = {"Items": [{"Name": "ok"}, {"Name": "long"}, {"Inner": {"Name": "long"}, "Name": "a"}]}
    assert act_refusal(nested(service, structure), request_of, body) == (
        "2 validation errors detected: Value 'long' at 'items.2.member.name' failed to satisfy "
        "constraint: Member must have length less than or equal to 2; Value 'long' at "
        "'items.3.member.inner.name' failed to satisfy constraint: "
        "Member must have length less than or equal to 2"
    )


def test_structures_in_maps_are_named_by_key(service, structure, request_of):
    body: dict[str, object] = {"ByName": {"long": {}}}
    message = act_refusal(nested(service, structure), request_of, body)
    assert "Value '{long=Item(name=null, inner=null)}' at 'byName' failed" in message
    assert "Value null at 'byName.long.member.name' failed" in message


def test_no_more_than_a_hundred_failures_are_listed(service, structure, request_of):
    body: dict[str, object] = {"Items": [{}] * 5000}
    message = act_refusal(nested(service, structure), request_of, body)
    assert message.startswith("100 validation errors detected: ")


def test_sensitive_values_are_never_shown(service, request_of):
    act = service(
        {"Password": "Password"},
        shapes={"Password": {"type": "string", "min": 8, "sensitive": True}},
    )
    assert act_refusal(act, request_of, {"Password": "hunter2"}) == (
        "1 validation error detected: Value at 'password' failed to satisfy constraint: "
        "Member must have length greater than or equal to 8"
    )


def test_a_layers_runtimes_are_told_before_its_architectures(lambda_service, request_of):
    given = {
        "Content": {},
        "CompatibleRuntimes": ["cobol"],
        "CompatibleArchitectures": ["s390x", "x86_64"],
    }
    request = request_of(path="/2018-10-31/layers/tools/versions", body=json.dumps(given).encode())
    message = refusal(lambda_service, request).message
    assert message.startswith(
        "2 validation errors detected: Value '[cobol]' at 'compatibleRuntimes' failed to satisfy "
        "constraint: Member must satisfy enum value set: [nodejs20.x, "
    )
    assert message.endswith(
        "; Value '[s390x, x86_64]' at 'compatibleArchitectures' failed to satisfy constraint: "
        "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], "
        "Member must not be null]"
    )


def test_a_filter_of_layers_names_every_runtime_there_ever_was(lambda_service, request_of):
    query = "CompatibleRuntime=cobol"
    request = request_of(method="GET", path="/2018-10-31/layers", query=query)
    assert refusal(lambda_service, request).message.startswith(
        "1 validation error detected: Value 'cobol' at 'compatibleRuntime' failed to satisfy "
        "constraint: Member must satisfy enum value set: [ruby3.5, ruby2.6, "
    )
