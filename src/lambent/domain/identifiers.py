"""Identifiers that tell things apart, and protect nothing."""

from __future__ import annotations

import random

# Seeded from the system once: three system calls for each invocation would be felt.
_random = random.Random()

_VERSION_AND_VARIANT = (4 << 76) | (2 << 62)
_FREE_BITS = ~((15 << 76) | (3 << 62))


def random_digits(count: int) -> str:
    """So many hexadecimal digits."""
    return f"{_random.getrandbits(4 * count):0{count}x}"


def new_uuid() -> str:
    """A UUID of version 4."""
    digits = f"{_random.getrandbits(128) & _FREE_BITS | _VERSION_AND_VARIANT:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
