"""VpcConfig and FileSystemConfigs: what a function is attached to, and what it mounts.

The networks and directories are the operator's, who names them in the server's settings; AWS asks
EC2 and EFS, and what it says of the unknown is said here.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
https://docs.aws.amazon.com/lambda/latest/dg/configuration-filesystem.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambent.domain.errors import ServiceError, invalid_parameter_value
from lambent.domain.function import MountedFileSystem, VpcConfiguration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lambent.control_plane.plane import ControlPlane
    from lambent.domain.function import FunctionVersion


def requested_vpc(
    plane: ControlPlane, requested: Mapping[str, Any], current: VpcConfiguration | None
) -> VpcConfiguration | None:
    """The network a VpcConfig attaches to; an empty one detaches.

    Raises ServiceError for subnets and security groups nobody has named in the settings.
    """
    subnets = tuple(requested.get("SubnetIds", ()))
    groups = tuple(requested.get("SecurityGroupIds", ()))
    if bool(subnets) != bool(groups):
        raise invalid_parameter_value(
            "SubnetIds and SecurityIds must coexist or be both empty list."
        )
    if not subnets:
        return VpcConfiguration() if current is not None else None
    # AWS looks for the security groups first.
    vpcs = _vpcs(groups, plane.security_groups, _no_such_group)
    vpcs |= _vpcs(subnets, plane.subnets, _no_such_subnet)
    if len(vpcs) > 1:
        raise invalid_parameter_value(
            f"All subnets and security groups must be in one VPC: these are in "
            f"{', '.join(sorted(vpcs))}."
        )
    return VpcConfiguration(
        vpc_id=vpcs.pop(),
        subnet_ids=subnets,
        security_group_ids=groups,
        is_ipv6_allowed=requested.get("Ipv6AllowedForDualStack", False),
    )


def _vpcs(
    identifiers: Sequence[str], known: Mapping[str, str], refuse: Callable[[str], ServiceError]
) -> set[str]:
    for identifier in identifiers:
        if identifier not in known:
            raise refuse(identifier)
    return {known[identifier] for identifier in identifiers}


def _no_such_group(identifier: str) -> ServiceError:
    return invalid_parameter_value(
        "Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. "
        f"EC2 Error Message: The security group '{identifier}' does not exist"
    )


def _no_such_subnet(identifier: str) -> ServiceError:
    return invalid_parameter_value(
        "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. "
        f"EC2 Error Message: The subnet ID '{identifier}' does not exist"
    )


def requested_file_systems(
    plane: ControlPlane, requested: Sequence[Mapping[str, Any]]
) -> tuple[MountedFileSystem, ...]:
    """Raises ServiceError for access points nobody has named in the settings."""
    for each in requested:
        if each.get("S3FilesConfig"):
            raise invalid_parameter_value(
                "S3FilesConfig is not available in this release of Lambent: file systems are "
                "directories of this host."
            )
        if each["Arn"] not in plane.access_points:
            raise invalid_parameter_value(
                "Error occurred while DescribeAccessPoints. EFS Error Code: AccessPointNotFound. "
                f"EFS Error Message: Access Point {each['Arn'].rpartition('/')[2]} does not exist."
            )
    return tuple(
        MountedFileSystem(arn=each["Arn"], local_mount_path=each["LocalMountPath"])
        for each in requested
    )


def check_mountable(version: FunctionVersion, previous: FunctionVersion | None = None) -> None:
    """Raise ServiceError when a function mounts file systems without the network to them."""
    if not version.file_systems or (version.vpc is not None and version.vpc.vpc_id):
        return
    arn = version.file_systems[0].arn
    if previous is not None and previous.file_systems == version.file_systems:
        raise invalid_parameter_value(
            f"Function VPC configuration cannot be removed with access point {arn} referenced."
        )
    raise invalid_parameter_value(
        f"Function must be configured to execute in a VPC to reference access point {arn}."
    )


def described_vpc(version: FunctionVersion) -> dict[str, Any] | None:
    """The VpcConfig in answers: of a function that was never attached, there is none."""
    if version.vpc is None:
        return None
    return {
        "SubnetIds": list(version.vpc.subnet_ids),
        "SecurityGroupIds": list(version.vpc.security_group_ids),
        "VpcId": version.vpc.vpc_id,
        "Ipv6AllowedForDualStack": version.vpc.is_ipv6_allowed,
    }


def described_file_systems(version: FunctionVersion) -> list[dict[str, str]] | None:
    """The FileSystemConfigs in answers."""
    return [
        {"Arn": each.arn, "LocalMountPath": each.local_mount_path} for each in version.file_systems
    ] or None
