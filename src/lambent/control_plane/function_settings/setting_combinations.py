"""Which settings of a function exclude or need each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.control_plane.function_settings.network_settings import check_mountable
from lambent.control_plane.function_settings.snap_start import check_snap_start
from lambent.control_plane.function_settings.tenancy import check_tenancy
from lambent.domain.errors import invalid_parameter_value

if TYPE_CHECKING:
    from lambent.domain.function import FunctionVersion


def check_combinations(version: FunctionVersion, previous: FunctionVersion | None = None) -> None:
    """Raise ServiceError when `version`, which is to replace `previous`, cannot be as a whole."""
    if version.is_snap_start:
        check_snap_start(version.runtime, version.ephemeral_storage_mib)
        if version.file_systems:
            raise invalid_parameter_value(
                "Amazon EFS is not supported for SnapStart enabled functions."
            )
    check_tenancy(
        is_tenant_isolated=version.is_tenant_isolated, is_snap_start=version.is_snap_start
    )
    check_mountable(version, previous)
