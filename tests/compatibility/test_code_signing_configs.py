"""Code signing configurations, and functions that have them."""

from __future__ import annotations

from tests.support.refusals import refusal


def created(account, **settings):
    profile = f"arn:aws:signer:us-east-1:{account.id}:/signing-profiles/mine"
    answer = account.client().create_code_signing_config(
        AllowedPublishers={"SigningProfileVersionArns": [profile]}, **settings
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    return answer["CodeSigningConfig"]


def test_a_configuration_from_its_creation_to_its_end(account):
    account.created()
    client = account.client()
    config = created(
        account,
        Description="mine",
        CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Enforce"},
        Tags={"a": "1"},
    )
    arn = {"CodeSigningConfigArn": config["CodeSigningConfigArn"]}
    assert client.list_tags(Resource=arn["CodeSigningConfigArn"])["Tags"] == {"a": "1"}
    updated = client.update_code_signing_config(
        **arn, CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Warn"}
    )["CodeSigningConfig"]
    assert updated["Description"] == "mine"
    assert updated["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Warn"}
    assert client.get_code_signing_config(**arn)["CodeSigningConfig"] == updated
    assert client.list_code_signing_configs()["CodeSigningConfigs"] == [updated]

    attached = client.put_function_code_signing_config(**arn, FunctionName="greet")
    assert attached["FunctionName"] == "greet"
    found = client.get_function_code_signing_config(FunctionName="greet")
    assert found["CodeSigningConfigArn"] == arn["CodeSigningConfigArn"]
    listed = client.list_functions_by_code_signing_config(**arn)
    assert listed["FunctionArns"] == [account.arn("greet")]
    in_use = refusal(client.delete_code_signing_config, **arn)
    assert (in_use.status, in_use.code) == (409, "ResourceConflictException")

    for _ in range(2):
        answer = client.delete_function_code_signing_config(FunctionName="greet")
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    answer = client.get_function_code_signing_config(FunctionName="greet")
    assert answer.keys() == {"ResponseMetadata"}
    answer = client.delete_code_signing_config(**arn)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert client.list_code_signing_configs()["CodeSigningConfigs"] == []


def test_what_is_not_there(account):
    account.created()
    client = account.client()
    arn = created(account)["CodeSigningConfigArn"]
    absent = f"{arn[:-1]}x"
    for operation in (
        client.delete_code_signing_config,
        client.get_code_signing_config,
        client.list_functions_by_code_signing_config,
        client.update_code_signing_config,
    ):
        assert refusal(operation, CodeSigningConfigArn=absent) == (
            404,
            "ResourceNotFoundException",
            f"The Lambda code signing configuration {absent} can not be found.",
        )
    put = client.put_function_code_signing_config
    for name in ("greet", "nobody"):
        assert refusal(put, CodeSigningConfigArn=absent, FunctionName=name) == (
            404,
            "CodeSigningConfigNotFoundException",
            "The code signing configuration cannot be found. Check that the provided "
            f"configuration is not deleted: {absent}.",
        )
    missing = (404, "ResourceNotFoundException", f"Function not found: {account.arn('nobody')}")
    assert refusal(put, CodeSigningConfigArn=arn, FunctionName="nobody") == missing
    for operation in (
        client.delete_function_code_signing_config,
        client.get_function_code_signing_config,
    ):
        assert refusal(operation, FunctionName="nobody") == missing


def test_what_is_malformed(account):
    client = account.client()
    short = f"arn:aws:lambda:us-east-1:{account.id}:code-signing-config:csc-0"
    refused = refusal(client.get_code_signing_config, CodeSigningConfigArn=short)
    assert (refused.status, refused.code) == (400, "ValidationException")
    refused = refusal(
        client.create_code_signing_config,
        AllowedPublishers={"SigningProfileVersionArns": []},
    )
    assert (refused.status, refused.code) == (400, "ValidationException")
