"""Encryption at rest of what must not lie on a disk in plain text."""

from __future__ import annotations

import os
import secrets
import stat
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lambent.store.durable_files import write_durably

if TYPE_CHECKING:
    from pathlib import Path

_KEY_BYTES = 32
# Random nonces of 96 bits are safe for 2**32 messages of one key (NIST SP 800-38D, 8.3).
_NONCE_BYTES = 12


class SealBroken(Exception):
    """Raised when sealed bytes were changed, or were sealed with another key or context."""


class KeyUnusable(Exception):
    """Raised when the key file cannot be trusted or is no key; the text says what to do."""


def _read_key(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeyUnusable(
                f"{path} can be read by others (mode {stat.S_IMODE(mode):04o}): "
                f"make it yours alone with `chmod 600 {path}`"
            )
        key = file.read(_KEY_BYTES + 1)
    if len(key) != _KEY_BYTES:
        raise KeyUnusable(f"{path} is not a key of {_KEY_BYTES} bytes: restore it from a backup")
    return key


class Seal:
    """AES-256-GCM with one key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def from_key_file(cls, path: Path) -> Seal:
        """The seal whose key is in `path`, made on first use. Blocks: call it at start-up.

        Raises KeyUnusable, or OSError when the file cannot be read or made.
        """
        if not path.exists():
            write_durably(path, secrets.token_bytes(_KEY_BYTES))
        return cls(_read_key(path))

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """Encrypts `plain`; it opens only with the same `context`, which is not secret."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """The plain bytes; raises SealBroken."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
        except (InvalidTag, ValueError) as error:  # ValueError: too short to hold a nonce
            raise SealBroken(
                f"what was sealed for {context!r} opens with this key no more"
            ) from error
