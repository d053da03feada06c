"""Small models written in place, and botocore's own client side, for the protocol tests."""

from __future__ import annotations

import io
from typing import Any

import pytest
from botocore.awsrequest import HeadersDict
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from botocore.utils import percent_encode_sequence

from lambent.protocol.http import HttpRequest
from lambent.protocol.service import Service

BASIC_SHAPES = {
    "String": {"type": "string"},
    "Integer": {"type": "integer"},
    "Long": {"type": "long"},
    "Double": {"type": "double"},
    "Boolean": {"type": "boolean"},
    "Blob": {"type": "blob"},
    "Timestamp": {"type": "timestamp"},
    "Strings": {"type": "list", "member": {"shape": "String"}},
    "StringMap": {"type": "map", "key": {"shape": "String"}, "value": {"shape": "String"}},
}


def _structure(members, **traits):
    """`{"Name": "String"}` or `{"Name": {"shape": "String", "location": ...}}` as a shape."""
    spelled = {
        name: {"shape": member} if isinstance(member, str) else member
        for name, member in members.items()
    }
    return {"type": "structure", "members": spelled, **traits}


def _service(
    given=None, output=None, *, shapes=None, protocol="rest-json", http=None, traits=None, errors=()
):
    operation: dict[str, Any] = {
        "name": "Act",
        "http": {"method": "POST", "requestUri": "/act", **(http or {})},
        "errors": [{"shape": name} for name in errors],
    }
    all_shapes: dict[str, Any] = {**BASIC_SHAPES, **(shapes or {})}
    if given is not None:
        operation["input"] = {"shape": "ActRequest"}
        all_shapes["ActRequest"] = _structure(given, **(traits or {}))
    if output is not None:
        operation["output"] = {"shape": "ActResponse"}
        all_shapes["ActResponse"] = _structure(output, **(traits or {}))
    metadata = {"protocol": protocol, "targetPrefix": "Tests_2026", "jsonVersion": "1.1"}
    model = {"metadata": metadata, "operations": {"Act": operation}, "shapes": all_shapes}
    return Service(ServiceModel(model, "tests"))


def _request(method="POST", path="/act", *, query="", headers=None, body=b""):
    return HttpRequest(method=method, path=path, query=query, headers=headers or {}, body=body)


def _botocore_request(model, operation, parameters):
    operation_model = model.operation_model(operation)
    serializer = create_serializer(model.metadata["protocol"], include_validation=False)
    sent = serializer.serialize_to_request(parameters, operation_model)
    path, _, static_query = sent["url_path"].partition("?")
    query = sent["query_string"]
    if not isinstance(query, str):
        query = percent_encode_sequence(query)
    body = sent["body"]
    return HttpRequest(
        method=sent["method"],
        path=path,
        query="&".join(part for part in (static_query, query) if part),
        headers={name.lower(): value for name, value in sent["headers"].items()},
        body=body.encode() if isinstance(body, str) else bytes(body),
    )


def _botocore_result(model, response, shape):
    payload = shape.serialization.get("payload") if shape is not None else None
    is_stream = payload is not None and shape.members[payload].type_name == "blob"
    received = {
        "status_code": response.status,
        "headers": HeadersDict(response.headers),
        "body": io.BytesIO(response.body) if is_stream else response.body,
    }
    parsed = create_parser(model.metadata["protocol"]).parse(received, shape)
    if is_stream:
        parsed[payload] = parsed[payload].read()
    return parsed


@pytest.fixture(scope="session")
def structure():
    return _structure


@pytest.fixture(scope="session")
def service():
    """Builds a service with one operation, `Act`, from its members."""
    return _service


@pytest.fixture(scope="session")
def request_of():
    return _request


@pytest.fixture(scope="session")
def botocore_request():
    """The request botocore's client would send for an operation and its parameters."""
    return _botocore_request


@pytest.fixture(scope="session")
def botocore_result():
    """What botocore's client would make of a response."""
    return _botocore_result


@pytest.fixture(scope="session")
def lambda_service():
    return Service.load("lambda")


@pytest.fixture(scope="session")
def logs_service():
    return Service.load("logs")
