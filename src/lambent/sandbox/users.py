"""Host user ids that belong to sandboxes and to nobody else.

Two sandboxes with one user id could signal each other's processes if ever they met, and would
share the kernel's per-user limits; so each gets its own.
"""

from __future__ import annotations

import random
import socket

# Between the container range of systemd-nspawn and the ids that do not fit a signed int, where
# https://systemd.io/UIDS-GIDS/ has nothing; subordinate ids (/etc/subuid) start far below.
_FIRST = 2_000_000_000
_BLOCK = 16_384
_BLOCKS = 8_000
_ATTEMPTS = 64


class UserIds:
    """One server's block of user ids; two servers on one machine never have the same."""

    def __init__(self) -> None:
        self._lock, block = _claim_block()
        first = _FIRST + block * _BLOCK
        self._unused = iter(range(first, first + _BLOCK))
        self._returned: list[int] = []

    def take(self) -> int:
        """A user id nothing runs under. Raises RuntimeError when all are taken."""
        user = next(self._unused, None)
        if user is not None:
            return user
        if not self._returned:
            raise RuntimeError(f"all {_BLOCK} user ids for sandboxes are in use")
        return self._returned.pop(0)

    def release(self, user: int) -> None:
        """Give an id back, when its last process is gone."""
        self._returned.append(user)

    def close(self) -> None:
        self._lock.close()


def _claim_block() -> tuple[socket.socket, int]:
    # A bound abstract socket is a lock that leaves no file and that kill -9 cannot leave held.
    for _ in range(_ATTEMPTS):
        block = random.randrange(_BLOCKS)
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            lock.bind(f"\0lambent-user-ids-{block}")
        except OSError:
            lock.close()
        else:
            return lock, block
    raise RuntimeError("no free block of user ids for sandboxes")
