"""Functions that keep their tenants apart, as boto3 asks for them."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from tests.support.functions import WHOLE_CPU
from tests.support.refusals import refusal
from tests.support.waiting import wait_logged

PER_TENANT = {"TenantIsolationMode": "PER_TENANT"}
COUNTING = """
import os

calls = []

def handler(event, context):
    calls.append(context.tenant_id)
    left = os.listdir("/tmp")
    open("/tmp/file", "w").close()
    return {"calls": calls, "left": left, "stream": context.log_stream_name}
"""


@pytest.fixture
def tenants(function):
    """Makes a function with tenant isolation."""

    def make(**settings):
        return function(COUNTING, TenancyConfig=PER_TENANT, Timeout=20, **WHOLE_CPU, **settings)

    return make


def test_nothing_of_one_tenant_is_there_for_another(tenants):
    deployed = tenants()
    first = deployed.call(TenantId="blue")
    assert (first["calls"], first["left"]) == (["blue"], [])
    other = deployed.call(TenantId="green")
    assert (other["calls"], other["left"]) == (["green"], [])
    again = deployed.call(TenantId="blue")
    assert (again["calls"], again["left"]) == (["blue", "blue"], ["file"])
    assert again["stream"] == first["stream"]
    assert again["stream"] != other["stream"]
    listed = {each["tenant"]: each["invocations"] for each in deployed.environments()}
    assert listed == {"blue": 2, "green": 1}


def test_the_mode_is_told_and_stays(tenants):
    deployed = tenants(Publish=True)
    name = {"FunctionName": deployed.name}
    deployed.client.update_function_configuration(**name, Description="changed")
    for answer in (
        deployed.client.get_function_configuration(**name),
        deployed.client.get_function(**name, Qualifier="1")["Configuration"],
        *deployed.client.list_versions_by_function(**name)["Versions"],
    ):
        assert answer["TenancyConfig"] == PER_TENANT
    deployed.client.get_waiter("function_updated_v2").wait(**name)
    # A version has environments of its own for each tenant.
    deployed.call(TenantId="blue")
    assert deployed.call(TenantId="blue", Qualifier="1")["calls"] == ["blue"]


def test_an_invocation_without_a_tenant_is_refused(tenants):
    deployed = tenants()
    assert refusal(deployed.client.invoke, FunctionName=deployed.name) == (
        400,
        "InvalidParameterValueException",
        "The invoked function is enabled with tenancy configuration. "
        "Add a valid tenant ID in your request and try again.",
    )


def test_a_tenant_of_a_function_without_tenants_is_refused(function):
    deployed = function("def handler(event, context): return context.tenant_id")
    assert "TenancyConfig" not in deployed.client.get_function_configuration(
        FunctionName=deployed.name
    )
    status, code, _ = refusal(deployed.client.invoke, FunctionName=deployed.name, TenantId="blue")
    assert (status, code) == (400, "InvalidParameterValueException")
    assert deployed.call() is None


def test_what_is_no_tenant_id_is_refused(tenants):
    deployed = tenants()
    for bad, told in [
        ("semi;colon", "Member must satisfy regular expression pattern"),
        ("b\u00e4r".encode().decode("latin-1"), "Member must satisfy regular expression pattern"),
        ("x" * 257, "Member must have length less than or equal to 256"),
    ]:
        with pytest.raises(ClientError, match="ValidationException") as caught:
            deployed.invoke(TenantId=bad)
        assert told in str(caught.value)
    longest = "A b.c_d:e/f=g+h-i@" + "9" * 238
    assert deployed.call(TenantId=longest)["calls"] == [longest]


def test_environments_for_nobody_yet_are_refused(tenants):
    deployed = tenants(Publish=True)
    assert refusal(
        deployed.client.put_provisioned_concurrency_config,
        FunctionName=deployed.name,
        Qualifier="1",
        ProvisionedConcurrentExecutions=1,
    ) == (
        400,
        "InvalidParameterValueException",
        "Provisioned Concurrency is not supported for functions with tenant isolation mode.",
    )


def test_records_of_an_invocation_name_the_tenant(tenants):
    deployed = tenants(
        LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "DEBUG"},
    )
    deployed.call(TenantId="blue")
    messages = wait_logged(deployed, "platform.report")
    records = {each["type"]: each["record"] for each in map(json.loads, messages)}
    told = {name for name, record in records.items() if record.get("tenantId") == "blue"}
    assert told == {"platform.start", "platform.runtimeDone", "platform.report"}
