from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from lambent.domain.errors import ServiceError
from lambent.domain.paging import key_of, marker_after, page_of, position_of


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_marker_carries_its_key(key):
    assert key_of(marker_after(key, "functions"), "functions") == key


def test_a_marker_is_for_its_listing_only():
    with pytest.raises(ServiceError, match="Invalid Marker"):
        key_of(marker_after("key", "functions"), "versions")


@given(st.text())
def test_no_other_text_is_a_marker(text):
    with pytest.raises(ServiceError) as caught:
        key_of(text, "functions")
    assert caught.value.code == "InvalidParameterValueException"


def test_a_marker_whose_key_has_no_position_is_refused():
    assert position_of(marker_after("7", "versions"), "versions", int) == 7
    for key in ("", "x", "9" * 5000):
        with pytest.raises(ServiceError, match="Invalid Marker"):
            position_of(marker_after(key, "versions"), "versions", int)


def test_a_marker_that_was_changed_is_refused():
    marker = marker_after("key", "functions")
    for place in range(len(marker)):
        changed = marker[:place] + ("A" if marker[place] != "A" else "B") + marker[place + 1 :]
        with pytest.raises(ServiceError, match="Invalid Marker"):
            key_of(changed, "functions")


@given(st.integers(0, 120), st.one_of(st.none(), st.integers(1, 10_000)))
def test_pages_cover_everything_once(count, maximum):
    items = [f"{number:03}" for number in range(count)]
    seen: list[str] = []
    after = ""
    while True:
        rest = (item for item in items if item > after)
        page, marker = page_of(rest, str, "numbers", maximum)
        assert len(page) <= min(maximum or 50, 50)
        seen += page
        if marker is None:
            break
        after = key_of(marker, "numbers")
        assert after == page[-1]
    assert seen == items
