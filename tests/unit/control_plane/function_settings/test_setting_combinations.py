from __future__ import annotations

import pytest
from tests.support.versions import function_version

from lambent.control_plane.function_settings.setting_combinations import check_combinations
from lambent.domain.errors import ServiceError
from lambent.domain.function import MountedFileSystem, VpcConfiguration

MOUNTED = (MountedFileSystem(arn="arn", local_mount_path="/mnt/shared"),)
VPC = VpcConfiguration(vpc_id="vpc-1", subnet_ids=("subnet-1",), security_group_ids=("sg-1",))


@pytest.mark.parametrize(
    "settings",
    [{}, {"is_snap_start": True, "vpc": VPC}, {"file_systems": MOUNTED, "vpc": VPC}],
)
def test_what_goes_together_is_taken(settings):
    check_combinations(function_version(**settings))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"is_snap_start": True, "runtime": "nodejs22.x"}, "nodejs22.x is not supported"),
        ({"is_snap_start": True, "ephemeral_storage_mib": 513}, "Ephemeral storage greater than"),
        ({"is_snap_start": True, "file_systems": MOUNTED, "vpc": VPC}, "EFS is not supported"),
        ({"is_snap_start": True, "is_tenant_isolated": True}, "with tenant isolation mode"),
        ({"file_systems": MOUNTED}, "must be configured to execute in a VPC"),
        ({"file_systems": MOUNTED, "vpc": VpcConfiguration()}, "must be configured to execute"),
    ],
)
def test_what_excludes_something_else_is_refused(settings, said):
    with pytest.raises(ServiceError, match=said) as caught:
        check_combinations(function_version(**settings))
    assert caught.value.code == "InvalidParameterValueException"
