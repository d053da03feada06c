"""What is stored for a later release is said, in the reference and in the log."""

from __future__ import annotations

import pytest

from lambent.control_plane.operations import OPERATIONS
from lambent.control_plane.stored_only import STORED_ONLY, tell_stored_only
from lambent.protocol.model import load_model


@pytest.mark.parametrize("name", sorted(STORED_ONLY))
def test_every_name_is_an_operation_or_its_member_or_a_setting_of_functions(name: str) -> None:
    model = load_model("lambda")
    operation, _, member = name.rpartition(".")
    members = model.shape_for(f"{operation or 'CreateFunction'}Request").members
    assert name in OPERATIONS or member in members


def test_the_log_says_what_has_no_effect_yet(caplog: pytest.LogCaptureFixture) -> None:
    tell_stored_only("CreateEventSourceMapping", "arn:aws:lambda:us-east-1:000000000000:function:f")
    assert STORED_ONLY["CreateEventSourceMapping"] in caplog.text
    assert "function:f" in caplog.text


def test_what_is_not_stored_only_cannot_be_told() -> None:
    with pytest.raises(KeyError):
        tell_stored_only("CreateFunction", "arn:aws:lambda:us-east-1:000000000000:function:f")


@pytest.mark.parametrize("sentence", sorted(set(STORED_ONLY.values())))
def test_every_row_is_a_sentence(sentence: str) -> None:
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert "|" not in sentence  # it stands in a table
