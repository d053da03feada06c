"""Environment variables under a key of the neighbour's KMS: envelope encryption.

KMS makes a data key at each write; the variables are encrypted with it here, and beside them is
kept only the data key as KMS encrypted it. Nothing of it stays in memory: who disables the key
keeps functions from starting, and callers from reading the variables, from then on.
"""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lambent.aws.clients import AwsClients, CallRefused, NoEndpoint, Scope, Unreachable
from lambent.domain.errors import ServiceError
from lambent.domain.function import SealedVariables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.domain.function import FunctionVersion

_NONCE_BYTES = 12
_MAX_DATA_KEY_BYTES = 6144  # https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html
# What Lambda answers for errors of KMS, and how it words them; any other means no access.
# https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors
_NO_ACCESS = ("KMSAccessDeniedException", "KMS access was denied")
_INVOKE_ERRORS = {
    "DisabledException": ("KMSDisabledException", "the KMS key used is disabled"),
    "NotFoundException": ("KMSNotFoundException", "the KMS key was not found"),
    "KMSInvalidStateException": (
        "KMSInvalidStateException",
        "the state of the KMS key used is not valid for Decrypt",
    ),
}


class VariableKeys:
    """Seals and opens the variables of functions whose KMSKeyArn is set."""

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients

    async def seal(
        self, variables: Mapping[str, str], version: FunctionVersion, key_arn: str
    ) -> SealedVariables:
        """The variables under `key_arn`; they open for the same function only.

        Raises NoEndpoint, CallRefused, Unreachable.
        """
        context = {"aws:lambda:FunctionArn": version.arn}
        made = await self._clients.run(
            "kms",
            _scope(version),
            lambda client: client.generate_data_key(
                KeyId=key_arn, KeySpec="AES_256", EncryptionContext=context
            ),
        )
        plain = json.dumps(dict(variables)).encode()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        try:
            data_key: bytes = made["CiphertextBlob"]
            encrypted = AESGCM(made["Plaintext"]).encrypt(nonce, plain, version.arn.encode())
        except (KeyError, TypeError, ValueError):
            raise Unreachable("what answers as KMS makes no keys of 256 bits") from None
        if not 0 < len(data_key) <= _MAX_DATA_KEY_BYTES:
            raise Unreachable("what answers as KMS encrypts no keys")
        return SealedVariables(
            key_arn=key_arn,
            data_key=base64.b64encode(data_key).decode(),
            variables=base64.b64encode(nonce + encrypted).decode(),
        )

    async def open(self, version: FunctionVersion) -> Mapping[str, str]:
        """The variables of `version`, sealed or not.

        Raises NoEndpoint, CallRefused, Unreachable.
        """
        sealed = version.sealed_environment
        if sealed is None:
            return version.environment
        answer = await self._clients.run(
            "kms",
            _scope(version),
            lambda client: client.decrypt(
                KeyId=sealed.key_arn,
                CiphertextBlob=base64.b64decode(sealed.data_key),
                EncryptionContext={"aws:lambda:FunctionArn": version.arn},
            ),
        )
        encrypted = base64.b64decode(sealed.variables)
        nonce, text = encrypted[:_NONCE_BYTES], encrypted[_NONCE_BYTES:]
        try:
            plain = AESGCM(answer["Plaintext"]).decrypt(nonce, text, version.arn.encode())
        except (InvalidTag, KeyError, TypeError, ValueError):
            raise CallRefused("InvalidCiphertextException", "") from None
        variables: dict[str, str] = json.loads(plain)
        return variables

    async def opened(self, version: FunctionVersion) -> FunctionVersion:
        """`version` with its variables readable, for a process to start with; never to be stored.

        Raises ServiceError as Invoke answers it.
        """
        if version.sealed_environment is None:
            return version
        try:
            variables = await self.open(version)
        except CallRefused as error:
            raise _invoke_error(error) from error
        except (NoEndpoint, Unreachable) as error:
            raise ServiceError(
                "ServiceException", f"The environment variables cannot be decrypted: {error}"
            ) from error
        return replace(version, environment=variables, sealed_environment=None)


def _scope(version: FunctionVersion) -> Scope:
    return Scope(account_id=version.account_id, region=version.region)


def _invoke_error(error: CallRefused) -> ServiceError:
    code, what = _INVOKE_ERRORS.get(error.code, _NO_ACCESS)
    return ServiceError(
        code,
        f"Lambda was unable to decrypt the environment variables because {what}. "
        "Please check the function's KMS key settings. "
        f"KMS Exception: {error.code}KMS Message: {error.message}",
    )
