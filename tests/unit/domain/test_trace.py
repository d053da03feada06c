from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from hypothesis import given, strategies as st

from lambent.domain.trace import continue_trace, sampled_trace, times_returned

ROOT = "1-5759e988-bd862e3fe1be46a994272793"
THIS = "arn:aws:lambda:us-east-1:123456789012:function:this"
OTHER = "arn:aws:lambda:us-east-1:123456789012:function:other"
WHOLE = re.compile(
    r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[A-Za-z0-9:|\-]{1,512};"
    r"Sampled=[A-Za-z0-9:|\-]{1,512};"
    r"Lineage=[0-9]{1,5}:[0-9a-f]{8}:[0-9]{1,3}(\|[0-9a-f]{8}:[0-9]{1,3})*"
)


def lineage(header: str) -> str:
    return header.rpartition(";Lineage=")[2]


def digest(function_arn: str) -> str:
    return lineage(continue_trace(None, function_arn)).split(":")[1]


@pytest.mark.parametrize(
    "header", [None, "", "nonsense", "Root=1-5759e988", "Parent=53995c3f42cd8ad8"]
)
def test_without_a_proper_root_a_new_trace_begins(header):
    first, second = continue_trace(header, THIS), continue_trace(header, THIS)
    assert WHOLE.fullmatch(first)
    assert f";Sampled=0;Lineage=1:{digest(THIS)}:0" in first
    assert first != second


def test_the_caller_s_trace_goes_on():
    header = f"Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1"
    assert continue_trace(header, THIS) == f"{header};Lineage=1:{digest(THIS)}:0"


def test_fields_may_come_in_any_order_with_spaces():
    assert (
        continue_trace(f"Sampled=1; Parent=53995c3f42cd8ad8; Root={ROOT}", THIS)
        == f"Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:{digest(THIS)}:0"
    )


def test_a_trace_without_a_parent_gets_one_and_is_not_sampled():
    assert re.match(
        rf"Root={ROOT};Parent=[0-9a-f]{{16}};Sampled=0;", continue_trace(f"Root={ROOT}", THIS)
    )


def test_other_fields_are_dropped():
    header = f"Self=1-1-1;Root={ROOT};Parent=a;Sampled=1;X=\r\nY: z"
    assert "Self" not in continue_trace(header, THIS)


@given(
    st.one_of(
        st.text(),
        st.text(alphabet="=;:|-\r\n0123456789abcdef").map(
            lambda text: f"Root={ROOT};Parent={text};Sampled={text};Lineage={text}"
        ),
    )
)
def test_no_header_breaks_out_of_its_line(header):
    assert WHOLE.fullmatch(continue_trace(header, THIS))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("1:{this}:0", "2:{this}:1"),
        ("7:{other}:3", "8:{other}:3|{this}:0"),
        ("7:{this}:2|{other}:3", "8:{other}:3|{this}:3"),
        # As AWS wrote it before, without the number in front.
        ("a87bd80c:1|68fd508a:5", "3:a87bd80c:1|68fd508a:5|{this}:0"),
        ("1:{this}:0:", "1:{this}:0"),
        ("1:{this}", "1:{this}:0"),
        ("99999:{this}:99999", "32767:{this}:255"),
    ],
)
def test_the_function_is_counted_in_the_lineage(before, after):
    names = {"this": digest(THIS), "other": digest(OTHER)}
    header = f"Root={ROOT};Parent=a;Sampled=0;Lineage={before.format(**names)}"
    assert lineage(continue_trace(header, THIS)) == after.format(**names)


def test_a_lineage_that_an_sdk_percent_encoded_is_read():
    first = continue_trace(continue_trace(None, THIS), OTHER)
    encoded = quote(first, safe="-=;:+&[]{}\"',")
    assert "%7C" in encoded
    assert times_returned(continue_trace(encoded, THIS)) == 1


def test_a_loop_is_found_behind_a_long_way_into_it():
    header = ""
    for step in range(100):
        header = continue_trace(header, f"{THIS}-{step}")
    for returned in range(5):
        header = continue_trace(header, THIS)
        assert times_returned(header) == returned
        header = continue_trace(header, OTHER)
        assert times_returned(header) == returned
    assert len(header) < 1000


def test_a_sampled_trace_has_a_new_segment():
    root = "1-62e900b2-710d76f009d6e7785905449a"
    header = f"Root={root};Parent=0efbd19962d95b05;Sampled=1"
    first, second = sampled_trace(header), sampled_trace(header)
    assert first is not None
    assert second is not None
    assert (first.header, first.root) == (header, root)
    assert re.fullmatch("[0-9a-f]{16}", first.segment_id)
    assert first.segment_id != second.segment_id


@pytest.mark.parametrize(
    "header",
    [
        "Root=1-62e900b2-710d76f009d6e7785905449a;Parent=0efbd19962d95b05;Sampled=0",
        "Root=1-62e900b2-710d76f009d6e7785905449a;Parent=0efbd19962d95b05",
        "Root=none;Sampled=1",
        "",
    ],
)
def test_other_traces_are_not_told(header):
    assert sampled_trace(header) is None


@pytest.mark.parametrize("header", ["", "Root=1-0;Sampled=0", "Lineage=1:0a1b2c3d:", "a:\u0663"])
def test_a_header_that_nothing_was_counted_in_tells_of_no_return(header):
    assert times_returned(header) == 0
