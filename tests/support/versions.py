"""Function versions of unit tests' own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lambent.domain.function import FunctionVersion

_PLAIN = FunctionVersion(
    account_id="123456789012",
    region="us-east-1",
    name="greet",
    runtime="python3.12",
    handler="app.handler",
    role="arn:aws:iam::123456789012:role/lambda",
    timeout_seconds=3,
    memory_mib=128,
    ephemeral_storage_mib=512,
    code_sha256="47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    code_bytes=22,
    revision_id="revision",
    configuration_id="configuration",
    last_modified="2026-01-31T12:00:00.000+0000",
)


def function_version(**changes: Any) -> FunctionVersion:
    """One that differs from a plain one in what is given."""
    return replace(_PLAIN, **changes)
