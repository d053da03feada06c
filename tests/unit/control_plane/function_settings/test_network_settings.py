from __future__ import annotations

import logging

import pytest

from lambent.domain.errors import ServiceError

INVALID = "InvalidParameterValueException"
VPC = {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
DETACHED = {
    "SubnetIds": [],
    "SecurityGroupIds": [],
    "VpcId": "",
    "Ipv6AllowedForDualStack": False,
}
ACCESS_POINT = (
    "arn:aws:elasticfilesystem:eu-central-1:123456789012:access-point/fsap-0123456789abcdef0"
)
MOUNT = {"Arn": ACCESS_POINT, "LocalMountPath": "/mnt/shared"}


async def refused(call):
    with pytest.raises(ServiceError) as caught:
        await call
    assert caught.value.code == INVALID
    return caught.value.message


async def update(api, **settings):
    return await api.updated("UpdateFunctionConfiguration", FunctionName="echo", **settings)


async def test_a_network_is_answered_with_its_vpc_from_then_on(api):
    created = await api.active(VpcConfig=VPC)
    attached = {**VPC, "VpcId": "vpc-1", "Ipv6AllowedForDualStack": False}
    assert created["VpcConfig"] == attached
    assert (await update(api, Timeout=4))["VpcConfig"] == attached
    moved = await update(
        api,
        VpcConfig={
            "SubnetIds": ["subnet-2"],
            "SecurityGroupIds": ["sg-1", "sg-2"],
            "Ipv6AllowedForDualStack": True,
        },
    )
    assert moved["VpcConfig"] == {
        "SubnetIds": ["subnet-2"],
        "SecurityGroupIds": ["sg-1", "sg-2"],
        "VpcId": "vpc-1",
        "Ipv6AllowedForDualStack": True,
    }
    detached = await update(api, VpcConfig={"SubnetIds": [], "SecurityGroupIds": []})
    assert detached["VpcConfig"] == DETACHED


async def test_a_function_that_was_never_attached_has_none(api):
    assert (await api.active())["VpcConfig"] is None
    assert (await update(api, VpcConfig={}))["VpcConfig"] is None


async def test_the_unknown_is_refused_security_groups_first(api):
    both = {"SubnetIds": ["subnet-0"], "SecurityGroupIds": ["sg-0"]}
    assert await refused(api.create(VpcConfig=both)) == (
        "Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. EC2 "
        "Error Message: The security group 'sg-0' does not exist"
    )
    assert await refused(api.create(VpcConfig={**both, "SecurityGroupIds": ["sg-1"]})) == (
        "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 "
        "Error Message: The subnet ID 'subnet-0' does not exist"
    )
    assert (await api("ListFunctions"))["Functions"] == []


@pytest.mark.parametrize("one", [{"SubnetIds": ["subnet-1"]}, {"SecurityGroupIds": ["sg-1"]}])
async def test_subnets_and_security_groups_need_each_other(api, one):
    said = "SubnetIds and SecurityIds must coexist or be both empty list."
    assert await refused(api.create(VpcConfig=one)) == said


async def test_a_function_is_in_one_vpc(api):
    two = {"SubnetIds": ["subnet-1", "subnet-3"], "SecurityGroupIds": ["sg-1"]}
    assert await refused(api.create(VpcConfig=two)) == (
        "All subnets and security groups must be in one VPC: these are in vpc-1, vpc-2."
    )


async def test_file_systems_need_the_network_they_are_in(api):
    assert await refused(api.create(FileSystemConfigs=[MOUNT])) == (
        f"Function must be configured to execute in a VPC to reference access point {ACCESS_POINT}."
    )
    created = await api.active(VpcConfig=VPC, FileSystemConfigs=[MOUNT])
    assert created["FileSystemConfigs"] == [MOUNT]
    assert await refused(update(api, VpcConfig={"SubnetIds": [], "SecurityGroupIds": []})) == (
        f"Function VPC configuration cannot be removed with access point {ACCESS_POINT} referenced."
    )
    assert (await update(api, Timeout=4))["FileSystemConfigs"] == [MOUNT]
    nothing = {"VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []}, "FileSystemConfigs": []}
    assert (await update(api, **nothing))["FileSystemConfigs"] is None


async def test_an_unknown_access_point_is_refused(api):
    unknown = ACCESS_POINT.replace("0123", "3210")
    message = await refused(
        api.create(VpcConfig=VPC, FileSystemConfigs=[{**MOUNT, "Arn": unknown}])
    )
    assert message.endswith("Access Point fsap-3210456789abcdef0 does not exist.")
    files = [{**MOUNT, "S3FilesConfig": {"DirectS3Read": "AUTO"}}]
    message = await refused(api.create(VpcConfig=VPC, FileSystemConfigs=files))
    assert message.startswith("S3FilesConfig is not available in this release of Lambent: ")


async def test_what_has_no_effect_yet_is_told_when_it_is_set(api, caplog):
    caplog.set_level(logging.WARNING)
    await api.active(
        VpcConfig=VPC, FileSystemConfigs=[MOUNT], TracingConfig={"Mode": "PassThrough"}
    )
    told = [record.getMessage() for record in caplog.records]
    assert [each.split()[0] for each in told] == ["FileSystemConfigs", "VpcConfig"]
    assert all("stored for a later release" in each for each in told)
    caplog.clear()
    await update(api, Timeout=4, VpcConfig=VPC)
    assert not caplog.records
    traced = await update(api, TracingConfig={"Mode": "Active"})
    assert traced["TracingConfig"] == {"Mode": "Active"}
    assert [record.getMessage().split()[0] for record in caplog.records] == ["TracingConfig"]
