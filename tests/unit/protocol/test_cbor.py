from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies

from lambent.protocol.cbor import NotCbor, read_cbor, write_cbor

SIMPLE = (
    strategies.none()
    | strategies.booleans()
    | strategies.integers(-(2**63), 2**64 - 1)
    | strategies.floats(allow_nan=False)
    | strategies.text()
    | strategies.binary()
)
VALUES = strategies.recursive(
    SIMPLE,
    lambda inner: strategies.lists(inner) | strategies.dictionaries(strategies.text(), inner),
)


@given(VALUES)
def test_what_is_written_is_read(value):
    assert read_cbor(write_cbor(value)) == value


@given(strategies.binary(max_size=40))
def test_anything_is_read_or_refused(data):
    with contextlib.suppress(NotCbor):
        read_cbor(data)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("9f01820203ff", [1, [2, 3]]),
        ("bf6161016162f4ff", {"a": 1, "b": False}),
        ("7f61616162ff", "ab"),
        ("5f41014102ff", b"\x01\x02"),
        ("f93e00", 1.5),
        ("fa47c35000", 100000.0),
        ("c11a514b67b0", 1363896240),
        ("c1fb41d452d9ec200000", 1363896240.5),
        ("f7", None),
    ],
)
def test_every_form_of_a_value_is_read(data, value):
    assert read_cbor(bytes.fromhex(data)) == value


@pytest.mark.parametrize(
    "data",
    [
        "",
        "0000",
        "ff",
        "61",
        "9f",
        "82ff01",
        "a10101",
        "bf61ff",
        "bf6161ff",
        "bf0101ff",
        "1c",
        "3f",
        "f8ff",
        "61ff",
        "9bffffffffffffffff",
        "5b7fffffffffffffff",
        "7f01ff",
        "c16161",
        "c249010000000000000000",  # a number of any size
        "c482181b01",  # and a decimal fraction
        "d81c8100",  # something shared
        "81" * 100 + "00",
        "9f" * 100,
    ],
)
def test_what_is_broken_or_not_of_the_protocol_is_refused(data):
    with pytest.raises(NotCbor):
        read_cbor(bytes.fromhex(data))


def test_instants_are_tagged_seconds():
    assert write_cbor(datetime(2013, 3, 21, 20, 4, tzinfo=UTC)).hex() == "c11a514b67b0"
    half = datetime(2013, 3, 21, 20, 4, 0, 500_000, tzinfo=UTC)
    assert write_cbor(half).hex() == "c1fb41d452d9ec200000"


def test_there_is_no_cbor_for_what_is_not_of_the_protocol():
    with pytest.raises(TypeError, match="set"):
        write_cbor({1, 2})
