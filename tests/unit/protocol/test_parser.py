from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lambent.domain.errors import ServiceError

NOON = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


def at(location, shape, name=None):
    return {"shape": shape, "location": location, **({"locationName": name} if name else {})}


def parsed(service, request):
    operation, found = service.parse(request)
    assert operation == "Act"
    return found


def test_labels_are_bound_by_name_not_by_order(service, request_of):
    act = service(
        {"First": at("uri", "String", "one"), "Second": at("uri", "Integer", "two")},
        http={"requestUri": "/act/{two}/{one}"},
    )
    assert parsed(act, request_of(path="/act/2/a%20b")) == {"First": "a b", "Second": 2}


def test_query_parameters_of_every_type(service, request_of):
    act = service(
        {
            "Text": at("querystring", "String"),
            "Count": at("querystring", "Integer", "max-items"),
            "Flag": at("querystring", "Boolean"),
            "Since": at("querystring", "Timestamp"),
            "Many": at("querystring", "Strings", "many"),
            "Absent": at("querystring", "String"),
        }
    )
    query = (
        "Text=a+b%26c&max-items=5&Flag=true&Since=2026-01-31T12%3A00%3A00Z&many=x&many=y&Unknown=z"
    )
    assert parsed(act, request_of(query=query)) == {
        "Text": "a b&c",
        "Count": 5,
        "Flag": True,
        "Since": NOON,
        "Many": ["x", "y"],
    }


def test_a_query_map_takes_every_parameter(service, request_of):
    act = service({"Named": at("querystring", "String"), "All": at("querystring", "StringMap")})
    found = parsed(act, request_of(query="Named=1&Other=2"))
    assert found == {"Named": "1", "All": {"Named": "1", "Other": "2"}}


def test_an_empty_query_value_is_an_empty_text(service, request_of):
    act = service({"Text": at("querystring", "String")})
    assert parsed(act, request_of(query="Text=")) == {"Text": ""}
    assert parsed(act, request_of(query="Text")) == {"Text": ""}
    assert parsed(act, request_of(query="&&")) == {}


def test_a_query_with_thousands_of_fields_is_refused(service, request_of):
    act = service({"Text": at("querystring", "String")})
    with pytest.raises(ServiceError, match="too many fields"):
        act.parse(request_of(query="a&" * 5000))


def test_headers_are_found_whatever_the_models_case(service, request_of):
    act = service(
        {
            "Kind": at("header", "String", "X-Amz-Kind"),
            "Count": at("header", "Integer", "X-Count"),
            "When": at("header", "Timestamp", "X-When"),
        }
    )
    headers = {"x-amz-kind": "a", "x-count": "3", "x-when": "Sat, 31 Jan 2026 12:00:00 GMT"}
    assert parsed(act, request_of(headers=headers)) == {"Kind": "a", "Count": 3, "When": NOON}


@pytest.mark.parametrize(
    ("text", "values"),
    [("a, b ,c", ["a", "b", "c"]), ('"a,b", "say \\"hi\\""', ["a,b", 'say "hi"']), ("a", ["a"])],
)
def test_header_lists_are_split_outside_quotes(service, request_of, text, values):
    act = service({"Many": at("header", "Strings", "X-Many")})
    assert parsed(act, request_of(headers={"x-many": text})) == {"Many": values}


@pytest.mark.parametrize(
    "text",
    [
        "Sat, 31 Jan 2026 12:00:00 GMT, Sat, 31 Jan 2026 12:00:00 GMT",
        "2026-01-31T12:00:00Z, 2026-01-31T12:00:00Z",
    ],
)
def test_header_lists_of_dates_know_the_comma_inside_them(service, request_of, text):
    shapes = {"Dates": {"type": "list", "member": {"shape": "Timestamp"}}}
    act = service({"Dates": at("header", "Dates", "X-Dates")}, shapes=shapes)
    assert parsed(act, request_of(headers={"x-dates": text})) == {"Dates": [NOON, NOON]}


def test_headers_with_a_prefix_are_a_map(service, request_of):
    act = service({"Tags": at("headers", "StringMap", "X-Tag-")})
    headers = {"x-tag-a": "1", "x-tag-b": "2", "host": "h"}
    assert parsed(act, request_of(headers=headers)) == {"Tags": {"a": "1", "b": "2"}}
    assert parsed(act, request_of(headers={"host": "h"})) == {}


def test_body_members_and_bound_members_come_together(service, request_of):
    act = service(
        {
            "Name": at("uri", "String"),
            "Count": "Integer",
            "Renamed": {"shape": "String", "locationName": "n"},
        },
        http={"requestUri": "/act/{Name}"},
    )
    request = request_of(path="/act/x", body=b'{"Count": 1, "n": "b", "Name": "not this"}')
    assert parsed(act, request) == {"Name": "x", "Count": 1, "Renamed": "b"}


def test_a_body_nobody_asks_for_is_not_looked_at(service, request_of):
    act = service({"Text": at("querystring", "String")})
    assert parsed(act, request_of(body=b"{not json")) == {}
    assert parsed(service(), request_of(body=b"{not json")) == {}


@pytest.mark.parametrize(
    ("member", "body", "expected"),
    [
        ("Blob", b"\x00\xff", {"Body": b"\x00\xff"}),
        ("Blob", b"", {}),
        ("String", "é".encode(), {"Body": "é"}),
        ("Inner", b'{"Count": 2}', {"Body": {"Count": 2}}),
        ("Inner", b"", {}),
    ],
)
def test_a_payload_is_the_whole_body(service, structure, request_of, member, body, expected):
    act = service(
        {"Body": member},
        shapes={"Inner": structure({"Count": "Integer"})},
        traits={"payload": "Body"},
    )
    assert parsed(act, request_of(body=body)) == expected


def test_a_text_payload_must_be_utf8(service, request_of):
    act = service({"Body": "String"}, traits={"payload": "Body"})
    with pytest.raises(ServiceError, match="UTF-8"):
        act.parse(request_of(body=b"\xff"))


def test_json_operations_are_named_by_their_target(service, request_of):
    act = service({"Name": "String"}, protocol="json")
    request = request_of(path="/", headers={"x-amz-target": "Tests_2026.Act"}, body=b'{"Name":"a"}')
    assert parsed(act, request) == {"Name": "a"}
    assert parsed(service(protocol="json"), request) == {}


@pytest.mark.parametrize("target", [None, "", "Act", "Tests_2026", "Tests_2026.Other", "X.Act"])
def test_other_targets_are_unknown_operations(service, request_of, target):
    headers = {} if target is None else {"x-amz-target": target}
    with pytest.raises(ServiceError) as caught:
        service(protocol="json").parse(request_of(path="/", headers=headers))
    assert caught.value.code == "UnknownOperationException"
