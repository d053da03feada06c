"""How SNS signs."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from lambent.companion.sns_subscriptions import signature

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

SIGNED = {"Message": "hello", "MessageId": "1", "Subject": None, "Type": "Notification"}
TEXT = b"Message\nhello\nMessageId\n1\nType\nNotification\n"


@pytest.mark.parametrize(("version", "algorithm"), [("1", hashes.SHA1()), ("2", hashes.SHA256())])
def test_a_signature_is_of_the_members_there_are(version: str, algorithm: HashAlgorithm) -> None:
    key = generate_private_key(public_exponent=65537, key_size=2048)
    signed = base64.b64decode(signature(key, SIGNED, version))
    key.public_key().verify(signed, TEXT, PKCS1v15(), algorithm)
