from __future__ import annotations

from dataclasses import replace

from hypothesis import given, strategies as st

from lambent.domain.alias import Alias

LIVE = Alias(
    account_id="123456789012",
    region="eu-central-1",
    name="echo",
    alias="live",
    version="1",
    revision_id="r",
)
FRACTIONS = st.floats(0, 1)


def test_an_alias_has_an_arn_of_its_own():
    assert LIVE.arn == "arn:aws:lambda:eu-central-1:123456789012:function:echo:live"


@given(chance=FRACTIONS)
def test_one_version_gets_everything(chance):
    assert LIVE.routed_version(chance) == "1"


@given(weight=FRACTIONS, chance=st.floats(0, 1, exclude_max=True))
def test_the_second_version_gets_exactly_its_share_of_all_chances(weight, chance):
    routed = replace(LIVE, second_version="2", second_weight=weight)
    assert routed.routed_version(chance) == ("2" if chance < weight else "1")


@given(chance=st.floats(0, 1, exclude_max=True))
def test_a_share_of_nothing_is_nothing_and_of_everything_is_everything(chance):
    routed = replace(LIVE, second_version="2")
    assert routed.routed_version(chance) == "1"
    assert replace(routed, second_weight=1.0).routed_version(chance) == "2"
