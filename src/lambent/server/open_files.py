"""How many descriptors this process may have open: sockets, pipes, files."""

from __future__ import annotations

import resource

OWN_DESCRIPTORS = 64  # of a program that serves, without callers' connections


def allow_descriptors(wanted: int) -> tuple[int, int]:
    """So many, or as many as this user may have; answers the limits before, soft and hard."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return soft, hard


def allowed_descriptors() -> int | None:
    """None: without a limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft
