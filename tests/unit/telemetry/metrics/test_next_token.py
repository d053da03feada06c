from __future__ import annotations

import pytest

from lambent.domain.errors import ServiceError
from lambent.domain.paging import marker_after
from lambent.telemetry.metrics.next_token import position_of, token_of


def invalid():
    return ServiceError("InvalidNextToken", "mine")


def test_a_token_has_a_position():
    assert position_of(token_of(7, "listing"), "listing", invalid) == 7
    assert position_of(None, "listing", invalid) == 0


@pytest.mark.parametrize("token", ["", "7", token_of(7, "other"), marker_after("seven", "listing")])
def test_other_tokens_are_refused_in_the_operations_words(token):
    with pytest.raises(ServiceError, match="mine"):
        position_of(token, "listing", invalid)


def test_a_position_is_not_negative():
    assert position_of(marker_after("-7", "listing"), "listing", invalid) == 0
