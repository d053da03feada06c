"""What a layer is: numbered versions that never change, and who may use each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.domain.caller import partition_of

if TYPE_CHECKING:
    from lambent.domain.caller import Caller

EVERYBODY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerPermission:
    """One statement of a layer version's policy: these callers may get the version."""

    statement_id: str
    principal: str  # an account, or EVERYBODY

    def allows(self, account_id: str) -> bool:
        return self.principal in (EVERYBODY, account_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerReference:
    """One layer of one account and region, whether it exists or not."""

    account_id: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        owner = f"{self.region}:{self.account_id}"
        return f"arn:{partition_of(self.region)}:lambda:{owner}:layer:{self.name}"

    def version_arn(self, number: int) -> str:
        return f"{self.arn}:{number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerVersion:
    layer: LayerReference
    version: int  # 1, 2, 3
    description: str = ""
    license_info: str | None = None
    # None when the publisher named none, which AWS answers differently from an empty list.
    compatible_runtimes: tuple[str, ...] | None = None
    compatible_architectures: tuple[str, ...] | None = None
    created: str  # 2026-01-31T12:00:00.000+0000
    code_sha256: str  # base64, as the API gives it
    code_bytes: int  # of the zip
    permissions: tuple[LayerPermission, ...] = ()  # in the order they were added
    policy_revision_id: str | None = None  # None until there is a policy

    @property
    def arn(self) -> str:
        return self.layer.version_arn(self.version)

    def allows(self, account_id: str) -> bool:
        """Whether the account may get this version, and so use it in functions."""
        return account_id == self.layer.account_id or any(
            permission.allows(account_id) for permission in self.permissions
        )

    def suits(self, runtime: str | None, architecture: str | None) -> bool:
        """Whether a list filtered by these, where they are given, has this version."""
        return (runtime is None or runtime in (self.compatible_runtimes or ())) and (
            architecture is None or architecture in (self.compatible_architectures or ())
        )


def parse_layer_reference(text: str, caller: Caller) -> LayerReference:
    """The layer that `text`, a name or ARN in the model's form, means to `caller`."""
    if not text.startswith("arn:"):
        return LayerReference(account_id=caller.account_id, region=caller.region, name=text)
    *_, region, account_id, _, name = text.split(":")
    return LayerReference(account_id=account_id, region=region, name=name)


def parse_layer_version_arn(arn: str) -> tuple[LayerReference, int] | None:
    """The layer and number in an ARN in the model's form.

    None for one of the layers that AWS itself owns (`arn:aws:lambda:::awslayer:NAME`).
    """
    *_, region, account_id, kind, name, number = arn.rsplit(":", 5)
    if kind != "layer":
        return None
    return LayerReference(account_id=account_id, region=region, name=name), int(number)
