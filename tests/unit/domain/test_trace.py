from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from lambent.domain.trace import continue_trace, sampled_trace

ROOT = "1-5759e988-bd862e3fe1be46a994272793"
WHOLE = re.compile(
    r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[A-Za-z0-9:|\-]{1,256};"
    r"Sampled=[A-Za-z0-9:|\-]{1,256}(;Lineage=[A-Za-z0-9:|\-]{1,256})?"
)


@pytest.mark.parametrize(
    "header", [None, "", "nonsense", "Root=1-5759e988", "Parent=53995c3f42cd8ad8"]
)
def test_without_a_proper_root_a_new_trace_begins(header):
    first, second = continue_trace(header), continue_trace(header)
    assert WHOLE.fullmatch(first)
    assert first.endswith(";Sampled=0")
    assert first != second


def test_the_caller_s_trace_goes_on():
    header = f"Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1"
    assert continue_trace(header) == header


def test_fields_may_come_in_any_order_with_spaces():
    assert (
        continue_trace(f"Sampled=1; Parent=53995c3f42cd8ad8; Root={ROOT}")
        == f"Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1"
    )


def test_a_trace_without_a_parent_gets_one_and_is_not_sampled():
    assert re.fullmatch(
        rf"Root={ROOT};Parent=[0-9a-f]{{16}};Sampled=0", continue_trace(f"Root={ROOT}")
    )


def test_the_lineage_is_passed_on():
    header = f"Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=0;Lineage=25:1a2b3c4d:0"
    assert continue_trace(header) == header


def test_other_fields_are_dropped():
    assert "Self" not in continue_trace(f"Self=1-1-1;Root={ROOT};Parent=a;Sampled=1;X=\r\nY: z")


@given(
    st.one_of(
        st.text(),
        st.text(alphabet="=;:|-\r\n").map(
            lambda text: f"Root={ROOT};Parent={text};Sampled={text};Lineage={text}"
        ),
    )
)
def test_no_header_breaks_out_of_its_line(header):
    assert WHOLE.fullmatch(continue_trace(header))


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
