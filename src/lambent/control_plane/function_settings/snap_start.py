"""Which functions may have SnapStart.

https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html#snapstart-supported
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.domain.errors import ServiceError, invalid_parameter_value
from lambent.domain.quotas import EPHEMERAL_STORAGE_DEFAULT_MIB
from lambent.domain.runtime_catalogue import CATALOGUE

if TYPE_CHECKING:
    from lambent.domain.runtime_catalogue import RuntimeDescriptor

# The first release of each language that AWS has SnapStart for.
_SINCE = {"dotnet": (8,), "java": (11,), "python": (3, 12)}


def check_snap_start(runtime: str, ephemeral_storage_mib: int) -> None:
    """Raise ServiceError unless functions of this kind can start from snapshots."""
    if not _is_supported(CATALOGUE[runtime]):
        raise invalid_parameter_value(
            f"{runtime} is not supported for SnapStart enabled functions."
        )
    if ephemeral_storage_mib > EPHEMERAL_STORAGE_DEFAULT_MIB:
        raise invalid_parameter_value(
            f"Ephemeral storage greater than {EPHEMERAL_STORAGE_DEFAULT_MIB} MB is not supported "
            "for SnapStart enabled functions."
        )


def no_provisioned_concurrency() -> ServiceError:
    return invalid_parameter_value(
        "Provisioned Concurrency is not supported for SnapStart enabled functions."
    )


def _is_supported(descriptor: RuntimeDescriptor) -> bool:
    since = _SINCE.get(descriptor.family)
    if since is None:
        return False
    return tuple(int(part) for part in descriptor.release.split(".")) >= since
