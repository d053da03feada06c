from __future__ import annotations

from typing import Any

import pytest
from botocore.model import ServiceModel

from lambent.domain.errors import ServiceError
from lambent.protocol.json_values import body_decoder, body_encoder, parse_json, write_json

SHAPES = {
    "Text": {"type": "string"},
    "Number": {"type": "integer"},
    "Data": {"type": "blob"},
    "Texts": {"type": "list", "member": {"shape": "Text"}},
    "Numbers": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Number"}},
    "Trees": {"type": "list", "member": {"shape": "Tree"}},
    "Tree": {
        "type": "structure",
        "members": {
            "Name": {"shape": "Text"},
            "Renamed": {"shape": "Text", "locationName": "wire-name"},
            "Data": {"shape": "Data"},
            "Texts": {"shape": "Texts"},
            "Numbers": {"shape": "Numbers"},
            "Child": {"shape": "Tree"},
            "Children": {"shape": "Trees"},
        },
    },
}
TREE: Any = ServiceModel({"metadata": {}, "operations": {}, "shapes": SHAPES}, "t").shape_for(
    "Tree"
)
decode = body_decoder(TREE, TREE.members)
encode = body_encoder(TREE, TREE.members)


def refusal(body):
    with pytest.raises(ServiceError) as caught:
        decode(body)
    assert caught.value.code == "SerializationException"
    return caught.value.message


def test_members_are_found_by_their_wire_names():
    body = b'{"Name": "a", "wire-name": "b", "Renamed": "not this"}'
    assert decode(body) == {"Name": "a", "Renamed": "b"}


def test_structures_lists_maps_and_recursion():
    body = b'{"Texts":["x"],"Numbers":{"n":1},"Child":{"Children":[{"Data":"aGk="}]}}'
    found = decode(body)
    assert found == {
        "Texts": ["x"],
        "Numbers": {"n": 1},
        "Child": {"Children": [{"Data": b"hi"}]},
    }
    assert parse_json(encode(found)) == parse_json(body)


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b'{"Name":null}', b'{"Unknown":[{}]}'])
def test_absent_null_and_unknown_members_are_absent(body):
    assert decode(body) == {}


def test_nulls_in_lists_and_maps_are_left_out():
    assert decode(b'{"Texts":["x",null],"Numbers":{"n":null}}') == {"Texts": ["x"], "Numbers": {}}


def test_the_last_of_duplicate_keys_counts():
    assert decode(b'{"Name":"first","Name":"last"}') == {"Name": "last"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[]", "Start of list found where not expected"),
        (b'"x"', "Expected null"),
        (b"5", "Expected null"),
        (b'{"Child":"x"}', "Expected null"),
        (b'{"Texts":"x"}', "Expected list or null"),
        (b'{"Texts":{}}', "Start of structure or map found where not expected."),
        (b'{"Numbers":[]}', "Start of list found where not expected"),
        (b'{"Numbers":{"n":"1"}}', "STRING_VALUE can not be converted to an Integer"),
        (b'{"Texts":[1]}', "NUMBER_VALUE can not be converted to a String"),
    ],
)
def test_values_of_another_type_are_refused(body, message):
    assert refusal(body) == message


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{'Name': 'a'}",
        b'{"Name": "a"} trailing',
        b'{"Name": NaN}',
        b'{"Unknown": -Infinity}',
        b'{"Name": "\xff"}',
        b"\xff\xfe{\x00}\x00",
        b"\x00",
        b'{"Unknown": ' + b"9" * 10_000 + b"}",
        b'{"Name": "\\ud800"}',
        b'{"Numbers": {"\\udfff": 1}}',
    ],
    ids=lambda body: repr(body[:20]),
)
def test_malformed_or_absurd_bodies_are_refused(body):
    assert refusal(body)


def test_none_and_unknown_members_are_not_written():
    assert encode({"Name": None, "Other": 1, "Texts": ["a"]}) == b'{"Texts":["a"]}'


def test_json_is_compact_utf8_and_never_fails_on_surrogates():
    assert write_json({"a": "é", "b": "\ud800"}) == '{"a":"é","b":"?"}'.encode()
