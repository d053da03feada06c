"""Replacing what is moto's."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from lambent.companion.seams import replace


def test_a_function_is_replaced() -> None:
    module = SimpleNamespace(send=lambda: "moto's")
    replace(module, "send", lambda: "ours")
    assert module.send() == "ours"


def test_a_function_that_moto_no_longer_has_ends_the_start() -> None:
    with pytest.raises(AttributeError):
        replace(SimpleNamespace(), "send", lambda: "ours")
