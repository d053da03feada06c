"""Stand-ins of neighbouring services, without any network."""

from __future__ import annotations

import asyncio
import io
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambent.aws.clients import CallRefused, NoEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.aws.clients import Scope


@dataclass
class FakeAws:
    """See `AwsClients`: it has the services it was given."""

    services: dict[str, Any] = field(default_factory=dict)
    scopes: list[Scope] = field(default_factory=list)
    whole_objects: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))

    async def run(
        self, service: str, scope: Scope, use: Callable[[Any], Any], *, within_seconds: float = 1
    ) -> Any:
        if service not in self.services:
            raise NoEndpoint(f"no endpoint of {service} is configured")
        self.scopes.append(scope)
        return use(self.services[service])


@dataclass
class FakeBucket:
    """An S3 with one bucket."""

    objects: dict[tuple[str, str | None], bytes]  # by key and version
    problem: CallRefused | None = None

    def get_object(self, **request: Any) -> Any:
        if self.problem is not None:
            raise self.problem
        if request["Bucket"] != "bucket":
            raise CallRefused("NoSuchBucket", "The specified bucket does not exist")
        content = self.objects.get((request["Key"], request.get("VersionId")))
        if content is None:
            raise CallRefused("NoSuchKey", "The specified key does not exist.")
        return {"Body": io.BytesIO(content), "ContentLength": len(content)}


@dataclass
class FakeKms:
    """A KMS whose keys are those in `problems` with None; others give the error there."""

    problems: dict[str, CallRefused | None]
    made: dict[bytes, tuple[str, bytes, dict[str, str]]] = field(default_factory=dict)

    def _check(self, key: str) -> None:
        problem = self.problems.get(
            key, CallRefused("NotFoundException", f"Key '{key}' does not exist")
        )
        if problem is not None:
            raise problem

    def generate_data_key(self, **request: Any) -> dict[str, bytes]:
        self._check(request["KeyId"])
        plain, sealed = secrets.token_bytes(32), secrets.token_bytes(48)
        self.made[sealed] = (request["KeyId"], plain, request["EncryptionContext"])
        return {"Plaintext": plain, "CiphertextBlob": sealed}

    def decrypt(self, **request: Any) -> dict[str, bytes]:
        self._check(request["KeyId"])
        key, plain, context = self.made[request["CiphertextBlob"]]
        if (key, context) != (request["KeyId"], request["EncryptionContext"]):
            raise CallRefused("InvalidCiphertextException", "")
        return {"Plaintext": plain}
