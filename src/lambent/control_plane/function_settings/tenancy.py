"""Tenant isolation: what a function with it must do without.

https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation.html#tenant-isolation-features
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.domain.errors import invalid_parameter_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.domain.errors import ServiceError

# TenancyConfig: of the modes, there is one.
PER_TENANT: Mapping[str, str] = {"TenantIsolationMode": "PER_TENANT"}


def check_tenancy(*, is_tenant_isolated: bool, is_snap_start: bool) -> None:
    """Raise ServiceError for a function that asks for both: copies share what was before them."""
    if is_tenant_isolated and is_snap_start:
        raise not_with_tenants("SnapStart")


def not_with_tenants(feature: str) -> ServiceError:
    # AWS tells only that they exclude each other; the words are those of its CDK.
    return invalid_parameter_value(
        f"{feature} is not supported for functions with tenant isolation mode."
    )
