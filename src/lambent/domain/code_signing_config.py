"""Code signing configurations: who must have signed a deployment package, and what if not.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-codesigning.html
"""

from __future__ import annotations

from dataclasses import dataclass

from lambent.domain.caller import partition_of
from lambent.domain.records import AccountRecord, FunctionRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSigningConfig(AccountRecord):
    """Its id is `csc-` and 17 hexadecimal digits."""

    description: str | None
    signing_profile_version_arns: list[str]  # of the publishers that are allowed
    untrusted_artifact_on_deployment: str  # Warn or Enforce
    created: str  # as last_modified; the order of lists
    last_modified: str  # 2026-01-31T12:00:00.000+0000
    tags: dict[str, str]

    @property
    def arn(self) -> str:
        return (
            f"arn:{partition_of(self.region)}:lambda:{self.region}:{self.account_id}:"
            f"code-signing-config:{self.id}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedCodeSigningConfig(FunctionRecord):
    """Which one a function has; without a qualifier, as it is for all that is deployed."""

    code_signing_config_id: str  # of the function's own account and region
