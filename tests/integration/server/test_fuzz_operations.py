"""Every operation, with members that are right, strange or hostile: an answer in AWS's shape."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, given, settings, strategies as st
from tests.support.accounts import Account
from tests.support.functions import zipped
from tests.support.model_parameters import minimal_parameters

from lambent.control_plane.not_available import NOT_AVAILABLE
from lambent.control_plane.operations import OPERATIONS

MODEL = ServiceModel(Loader().load_service_model("lambda", "service-2"))
SERIALIZER = create_serializer(MODEL.protocol, include_validation=False)
ACCOUNT = "123456780000"
_LAMBDA = f"arn:aws:lambda:us-east-1:{ACCOUNT}"
FUZZED = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# What exists, so that requests come through to the operation itself.
THERE = {
    "FunctionName": "greet",
    "Qualifier": "live",
    "LayerName": "tools",
    "FunctionVersion": "$LATEST",
    "Principal": "123456780000",
    "EventSourceArn": "arn:aws:sqs:us-east-1:123456780000:jobs",
    "Resource": f"{_LAMBDA}:function:greet",
    "ResourceArn": f"{_LAMBDA}:function:greet",
}
NAMES = ("greet", f"{_LAMBDA}:function:greet", "greet:1", "live", "1", "$LATEST", "s", "tools")
TEXTS = st.one_of(
    st.sampled_from(NAMES),
    st.sampled_from(
        [
            "",
            " ",
            "..",
            "%00",
            "\x00",
            "\ud800",
            "é" * 100,
            "a" * 5000,
            "arn:aws:lambda",
            "arn:::::::",
            f"{_LAMBDA}:function:",
            f"{_LAMBDA}:function:greet:live",
            f"{_LAMBDA}:layer:tools:1",
            f"{_LAMBDA}:layer:tools:{'9' * 40}",
            f"{_LAMBDA}:event-source-mapping:x",
            f"{_LAMBDA}:code-signing-config:csc-0123456789abcdefg",
            "arn:aws:sqs:us-east-1:123456780000:jobs",
            "arn:aws:kinesis:us-east-1:123456780000:stream/x",
            '{"Version":"2012-10-17","Statement":[{}]}',
            '{"Statement":{"Effect":"Allow","Principal":"*","Action":[[]]}}',
            "[" * 3000,
            "eyJhIjoxfQ==",
            "python3.11",
            "AT_TIMESTAMP",
        ]
    ),
    st.text(max_size=20),
)
NUMBERS = st.sampled_from([0, 1, -1, 2, 100, 2**31, 2**63, -(2**63), 10**40, 0.5, 1e308])
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    NUMBERS,
    TEXTS,
    st.just([]),
    st.just({}),
    st.just([[]]),
    st.just({"": {}}),
)


def value_of(shape: Shape, depth: int = 0) -> st.SearchStrategy[Any]:
    """What the shape means, mostly."""
    right = _right_value(shape, depth)
    return st.one_of(right, right, right, ANYTHING)


def _right_value(shape: Shape, depth: int) -> st.SearchStrategy[Any]:
    if depth > 4:  # some shapes contain themselves
        return ANYTHING
    if isinstance(shape, StructureShape):
        members = {name: value_of(member, depth + 1) for name, member in shape.members.items()}
        return st.fixed_dictionaries({}, optional=members)
    if isinstance(shape, ListShape):
        return st.lists(value_of(shape.member, depth + 1), max_size=3)
    if isinstance(shape, MapShape):
        return st.dictionaries(TEXTS, value_of(shape.value, depth + 1), max_size=3)
    if shape.type_name == "string":
        return st.one_of(_right_text(shape), _right_text(shape), TEXTS)
    return st.booleans() if shape.type_name == "boolean" else NUMBERS


def _right_text(shape: Shape) -> st.SearchStrategy[str]:
    if enum := shape.metadata.get("enum"):
        return st.sampled_from(enum)
    # Letters, digits and so on by their Unicode property, which Python's expressions do not have.
    expression = re.sub(r"\\p\{\w+\}", r"\\w", shape.metadata.get("pattern", r"\w{0,20}"))
    return st.from_regex(expression, fullmatch=True)


def plain_parameters(operation: OperationModel) -> dict[str, Any]:
    """What the operation requires, of what is there."""
    parameters = minimal_parameters(operation)
    return {name: THERE.get(name, value) for name, value in parameters.items()}


@st.composite
def requests_of(draw: st.DrawFn, operation: OperationModel) -> tuple[str, str, bytes]:
    """Method, target and body: the model's request, with some of its members changed."""
    plain = SERIALIZER.serialize_to_request(plain_parameters(operation), operation)
    members = operation.input_shape.members if operation.input_shape else {}
    changed = draw(st.sets(st.sampled_from(sorted(members)), max_size=3)) if members else ()
    in_path = {name: str(value) for name, value in plain_parameters(operation).items()}
    in_query = dict(plain["query_string"])
    in_body = json.loads(plain["body"]) if plain["body"] else {}
    for name in sorted(changed):
        place = members[name].serialization.get("location")
        if place == "uri":
            in_path[name] = draw(TEXTS)
        else:
            part = in_query if place == "querystring" else in_body
            part[members[name].serialization.get("name", name)] = draw(value_of(members[name]))
    path, _, fixed_query = operation.http["requestUri"].partition("?")
    for name, text in in_path.items():
        label = members[name].serialization.get("name", name)
        escaped = quote(text, safe="", errors="surrogatepass")
        path = path.replace(f"{{{label}}}", escaped).replace(f"{{{label}+}}", escaped)
    query = urlencode(in_query, doseq=True, errors="surrogatepass")
    has_body = operation.http["method"] not in ("GET", "DELETE")
    body = json.dumps(in_body).encode() if has_body else b""
    return operation.http["method"], f"{path}?{fixed_query}&{query}", body


def ask(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    body: bytes,
    *,
    is_signed: bool = True,
) -> tuple[int, Any, bytes]:
    """Status, headers and body of the answer."""
    credential = f"Credential={ACCOUNT}/20260131/us-east-1/lambda/aws4_request"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host"}
    connection.request(method, target, body, headers if is_signed else {})
    response = connection.getresponse()
    return response.status, response.headers, response.read()


@pytest.fixture
def connection(server):
    """To a server where there is what the names above name."""
    own = Account(id=ACCOUNT, server=server)
    client = own.client()
    own.created()
    version = client.publish_version(FunctionName="greet")["Version"]
    client.create_alias(FunctionName="greet", Name="live", FunctionVersion=version)
    layer = {"LayerName": "tools", "Content": {"ZipFile": zipped({"tools.py": ""})}}
    number = client.publish_layer_version(**layer)["Version"]
    address = urlsplit(server.url)
    with contextlib.closing(
        http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    ) as connection:
        yield connection
    for function in client.get_paginator("list_functions").paginate().search("Functions[]"):
        client.delete_function(FunctionName=function["FunctionName"])
    client.delete_layer_version(LayerName="tools", VersionNumber=number)


def check_answer(operation: str, status: int, headers: Any, body: bytes) -> None:
    assert status < 500 or (status == 501 and operation in NOT_AVAILABLE), body
    if status < 300:
        assert not body or isinstance(json.loads(body), dict)
        return
    answer = json.loads(body)
    assert {"Message", "message"} & answer.keys(), answer
    assert headers["x-amzn-ErrorType"], answer


@pytest.mark.parametrize("operation", sorted({*OPERATIONS, *NOT_AVAILABLE}))
def test_an_operation_answers_whatever_its_members_are(connection, operation):
    @FUZZED
    @given(request=requests_of(MODEL.operation_model(operation)))
    def check(request):
        check_answer(operation, *ask(connection, *request))

    check()


def test_the_server_had_no_failure_of_its_own(connection, server):
    status, _, _ = ask(connection, "GET", "/health", b"", is_signed=False)
    assert status == 200
    assert "Traceback" not in server.log.read_text()
