from __future__ import annotations

import copy
import json
from datetime import UTC, datetime

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from hypothesis import given, settings, strategies as st

from lambent.domain.errors import ServiceError
from lambent.protocol.http import HttpRequest
from lambent.protocol.service import Service

# A value that has everything a wire format could trip over.
AWKWARD = "a b/c:d+e%20&f=g?#é日😀\"\\'"
SCALARS = {
    "string": AWKWARD,
    "integer": -7,
    "long": 2**53,
    "double": 0.25,
    "float": 0.5,
    "boolean": False,
    "blob": b"\x00\xff",
    "timestamp": datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC),
}
CONSTRAINTS = {"min", "max", "pattern", "enum"}
OPERATIONS = [
    (name, operation)
    for name in ("lambda", "logs")
    for operation in sorted(Loader().load_service_model(name, "service-2")["operations"])
]
STREAMING = {"InvokeWithResponseStream", "StartLiveTail", "GetLogObject"}
ANSWERED = [(name, operation) for name, operation in OPERATIONS if operation not in STREAMING]


def unconstrained(name):
    """The real model without its constraints, so that any value may travel."""
    model = copy.deepcopy(Loader().load_service_model(name, "service-2"))
    for shape in model["shapes"].values():
        for constraint in CONSTRAINTS & shape.keys():
            del shape[constraint]
    return ServiceModel(model, name)


def sample(shape, depth=0):
    """A value for every member of a shape, two for lists and maps."""
    if depth > 12:
        return None
    if shape.type_name == "structure":
        values = {name: sample_member(member, depth) for name, member in shape.members.items()}
        return {name: value for name, value in values.items() if value is not None}
    if shape.type_name == "list":
        return [value for value in [sample(shape.member, depth + 1)] * 2 if value is not None]
    if shape.type_name == "map":
        value = sample(shape.value, depth + 1)
        return {} if value is None else {AWKWARD: value, "second": value}
    return SCALARS[shape.type_name]


def sample_member(member, depth):
    location = member.serialization.get("location")
    if location == "header":
        return "a header's text" if member.type_name == "string" else sample(member)
    return 202 if location == "statusCode" else sample(member, depth + 1)


@pytest.fixture(scope="module")
def free_services():
    models = {name: unconstrained(name) for name in ("lambda", "logs")}
    return {name: (model, Service(model)) for name, model in models.items()}


@pytest.mark.parametrize(("name", "operation"), OPERATIONS)
def test_what_botocore_sends_is_what_is_parsed(free_services, botocore_request, name, operation):
    model, service = free_services[name]
    shape = model.operation_model(operation).input_shape
    parameters = sample(shape) if shape is not None else {}
    request = botocore_request(model, operation, parameters)
    assert service.parse(request) == (operation, parameters)


@pytest.mark.parametrize(("name", "operation"), ANSWERED)
def test_what_is_serialized_is_what_botocore_reads(free_services, botocore_result, name, operation):
    model, service = free_services[name]
    shape = model.operation_model(operation).output_shape
    output = sample(shape) if shape is not None else {}
    response = service.serialize(operation, output, "the-request")
    parsed = botocore_result(model, response, shape)
    assert parsed.pop("ResponseMetadata")["RequestId"] == "the-request"
    assert parsed == output


def test_every_operation_of_the_models_is_there(lambda_service, logs_service):
    assert {"Invoke", "CreateFunction", "InvokeWithResponseStream"} <= lambda_service.operations
    assert {"PutLogEvents", "FilterLogEvents"} <= logs_service.operations


def test_an_invoke(lambda_service, request_of):
    headers = {"x-amz-invocation-type": "RequestResponse", "x-amz-log-type": "Tail", "host": "h"}
    request = request_of(
        path="/2015-03-31/functions/f/invocations",
        query="Qualifier=%24LATEST",
        headers=headers,
        body=b"\xff not json",
    )
    assert lambda_service.parse(request) == (
        "Invoke",
        {
            "FunctionName": "f",
            "InvocationType": "RequestResponse",
            "LogType": "Tail",
            "Qualifier": "$LATEST",
            "Payload": b"\xff not json",
        },
    )


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("PATCH", "/2015-03-31/functions"), ("GET", "/bucket/key")]
)
def test_an_unknown_path_or_method_is_an_unknown_operation(
    lambda_service, request_of, method, path
):
    with pytest.raises(ServiceError) as caught:
        lambda_service.parse(request_of(method, path))
    assert caught.value.code == "UnknownOperationException"


def test_the_operation_is_known_without_the_body(lambda_service, request_of):
    request = request_of(path="/2015-03-31/functions", body=b"{ never read")
    assert lambda_service.operation_of(request) == "CreateFunction"
    with pytest.raises(ServiceError) as caught:
        lambda_service.operation_of(request_of("GET", "/"))
    assert caught.value.code == "UnknownOperationException"


def test_absurdly_deep_requests_are_refused(service, structure, request_of):
    act = service({"Child": "Tree"}, shapes={"Tree": structure({"Child": "Tree"})})
    for body in (b"[" * 100_000, b'{"Child":' * 100_000 + b"{}" + b"}" * 100_000):
        with pytest.raises(ServiceError) as caught:
            act.parse(request_of(body=body))
        assert caught.value.code == "SerializationException"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
MEMBER_NAMES = st.sampled_from(
    [
        "FunctionName Role Code ZipFile Runtime Handler Timeout MemorySize Environment Variables",
        "VpcConfig SubnetIds Layers Tags Architectures logGroupName logEvents timestamp message",
    ]
).flatmap(lambda names: st.sampled_from(names.split()))
BODIES = (
    st.binary(max_size=50)
    | JSON_VALUES.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(MEMBER_NAMES, JSON_VALUES | st.dictionaries(MEMBER_NAMES, JSON_VALUES)).map(
        lambda value: json.dumps(value).encode()
    )
)
PATHS = st.text() | st.sampled_from(
    [
        "/2015-03-31/functions",
        "/2015-03-31/functions/{}",
        "/2015-03-31/functions/{}/invocations",
        "/2015-03-31/functions/{}/configuration",
        "/2017-03-31/tags/{}",
        "/2018-10-31/layers",
        "/2018-10-31/layers/{}/versions/{}",
        "/2025-12-01/durable-executions/arn:{}/history",
    ]
).flatmap(lambda path: st.text().map(lambda label: path.replace("{}", label)))
HEADER_NAMES = st.sampled_from(
    ["x-amz-invocation-type", "x-amz-log-type", "x-amz-client-context", "content-type", "host"]
)
TARGETS = st.text() | st.sampled_from(
    [f"Logs_20140328.{name}" for name in ("PutLogEvents", "CreateLogGroup", "FilterLogEvents")]
)


def refused_or_parsed(service, request):
    try:
        operation, _ = service.parse(request)
    except ServiceError as error:
        response = service.serialize_error(error, "request")
        assert response.status in (400, 404, 413)
        assert json.loads(response.body)
    else:
        assert operation in service.operations


@settings(deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD"]) | st.text(),
    path=PATHS,
    query=st.text() | st.dictionaries(st.text(), st.text()).map(str),
    headers=st.dictionaries(HEADER_NAMES, st.text()),
    body=BODIES,
)
def test_no_rest_request_breaks_the_parser(lambda_service, method, path, query, headers, body):
    request = HttpRequest(method=method, path=path, query=query, headers=headers, body=body)
    refused_or_parsed(lambda_service, request)


@settings(deadline=None)
@given(target=TARGETS, body=BODIES)
def test_no_json_request_breaks_the_parser(logs_service, target, body):
    headers = {"x-amz-target": target}
    request = HttpRequest(method="POST", path="/", query="", headers=headers, body=body)
    refused_or_parsed(logs_service, request)
