"""Identifiers that tell things apart, and protect nothing."""

from __future__ import annotations

import random

# Seeded from the system once: three system calls for each invocation would be felt.
_random = random.Random()


def random_digits(count: int) -> str:
    """So many hexadecimal digits."""
    return f"{_random.getrandbits(4 * count):0{count}x}"


def new_uuid() -> str:
    """A UUID of version 4."""
    digits = random_digits(32)
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
