from __future__ import annotations

import uuid

from lambent.domain.identifiers import new_uuid, random_digits


def test_a_uuid_is_one_of_version_4():
    for _ in range(100):
        made = new_uuid()
        parsed = uuid.UUID(made)
        assert (str(parsed), parsed.version, parsed.variant) == (made, 4, uuid.RFC_4122)


def test_no_two_are_the_same():
    assert len({new_uuid() for _ in range(1000)}) == 1000


def test_digits_are_as_many_as_asked_for():
    assert {len(random_digits(5)) for _ in range(1000)} == {5}
    assert int(random_digits(24), 16) >= 0
