from __future__ import annotations

from lambent.control_plane.not_available import NOT_AVAILABLE


def test_a_refusal_names_the_operation_and_says_why():
    for operation, text in NOT_AVAILABLE.items():
        start = f"{operation} is not available in this release of Lambent. "
        assert text.startswith(start)
        assert text.removeprefix(start).endswith(".")
