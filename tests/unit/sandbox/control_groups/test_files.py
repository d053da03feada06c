from __future__ import annotations

import pytest

from lambent.sandbox.control_groups import files


def test_what_was_there_is_replaced(tmp_path):
    files.write(tmp_path / "limit", "12345")
    files.write(tmp_path / "limit", "7")
    assert (tmp_path / "limit").read_text() == "7"


def test_a_group_that_is_gone_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        files.write(tmp_path / "gone" / "limit", "1")
