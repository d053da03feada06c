"""The second argument of a handler."""

from __future__ import annotations

import base64
import json
import re

import pytest
from tests.support.http_requests import scope_header, send
from tests.support.programs import Program, every_runtime, program_files, two_of_each

ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793"


def client_context(**members):
    return base64.b64encode(json.dumps(members).encode()).decode()


@every_runtime
def test_the_context_tells_of_the_function_and_the_invocation(program):
    name = program.deployed.name
    answer = program.invoke("fields")
    fields = json.loads(answer["Payload"].read())
    assert 15_000 < fields.pop("remaining") <= 20_000
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", fields.pop("stream"))
    assert fields.pop("trace").startswith("Root=1-")
    assert fields == {
        "request": answer["ResponseMetadata"]["RequestId"],
        "arn": f"arn:aws:lambda:us-east-1:000000000000:function:{name}",
        "name": name,
        "version": "$LATEST",
        "memory": "1769",
        "group": f"/aws/lambda/{name}",
        "custom": None,
        "identity": None,
        "tenant": None,
    }


@every_runtime
def test_the_context_has_what_the_caller_sends(program):
    sent = client_context(custom={"who": "Zoë"}, env={"locale": "de"}, client={})
    assert program.call("fields", ClientContext=sent)["custom"] == {"who": "Zoë"}
    assert program.call("fields")["custom"] is None


@two_of_each
def test_the_trace_of_the_caller_goes_on(program):
    answer = send(
        program.deployed.server,
        "POST",
        f"/2015-03-31/functions/{program.deployed.name}/invocations",
        json.dumps({"do": "fields"}),
        {"X-Amzn-Trace-Id": f"{ROOT};Parent=53995c3f42cd8ad8;Sampled=1", **scope_header("lambda")},
    )
    trace = answer.document["trace"]
    assert trace.startswith(f"{ROOT};Parent=")
    assert "Sampled=1" in trace


@two_of_each
def test_the_time_that_remains_is_the_functions(function, runtime):
    program = Program(runtime, function(runtime, program_files(runtime), Timeout=900))
    assert 890_000 < program.call("fields")["remaining"] <= 900_000


# Python 3.8's client is from before there were tenants.
@two_of_each
def test_the_context_tells_the_tenant_where_there_are_tenants(function, runtime):
    tenancy = {"TenantIsolationMode": "PER_TENANT"}
    deployed = function(runtime, program_files(runtime), TenancyConfig=tenancy)
    program = Program(runtime, deployed)
    blue = program.call("fields", TenantId="blue")
    green = program.call("fields", TenantId="a green:1")
    assert (blue["tenant"], green["tenant"]) == ("blue", "a green:1")
    assert blue["stream"] != green["stream"]


# Only release 4.2 of Python's client hands it out.
@pytest.mark.parametrize("runtime", ["python3.10", "python3.13"])
def test_the_w3c_trace_context_is_apart_from_the_client_context(program):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    sent = client_context(w3c={"traceparent": parent, "other": "x"}, custom={"who": "Zoë"})
    assert program.call("trace_context", ClientContext=sent) == {"traceparent": parent}
    assert program.call("trace_context") == {}
