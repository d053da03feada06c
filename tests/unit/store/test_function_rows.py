from __future__ import annotations

import json
from dataclasses import fields

import pytest

from lambent.domain.function import (
    Function,
    FunctionVersion,
    MountedFileSystem,
    SealedVariables,
    VpcConfiguration,
)
from lambent.store.function_rows import function_row, read_version, tag_rows, version_row
from lambent.store.schema import function_tags, function_versions, functions
from lambent.store.seal import SealBroken


def stored(version, seal):
    return version_row(version, seal)


def test_a_row_gives_the_version_back(version_of, seal):
    version = version_of(
        version="7",
        environment={"NAME": "väl\u2028ue", "EMPTY": ""},
        has_environment=True,
        state="Failed",
        state_reason="because",
        last_update_status=None,
    )
    assert read_version(stored(version, seal), seal) == version


def test_what_is_made_of_several_values_comes_back(version_of, seal):
    version = version_of(
        has_environment=True,
        kms_key_arn="arn:aws:kms:us-east-1:1:key/k",
        sealed_environment=SealedVariables(key_arn="arn", data_key="ZGF0YQ==", variables="eHl6"),
        vpc=VpcConfiguration(
            vpc_id="vpc-1",
            subnet_ids=("subnet-1", "subnet-2"),
            security_group_ids=("sg-1",),
            is_ipv6_allowed=True,
        ),
        file_systems=(MountedFileSystem(arn="arn", local_mount_path="/mnt/a"),),
        dead_letter_arn="arn:aws:sqs:us-east-1:1:q",
        is_traced=True,
    )
    row = stored(version, seal)
    row["configuration"] = json.loads(json.dumps(row["configuration"]))  # as the database does
    assert read_version(row, seal) == version


def test_versions_of_earlier_releases_have_none_of_the_newer_settings(version_of, seal):
    row = stored(version_of(), seal)
    for name in ("vpc", "file_systems", "dead_letter_arn", "kms_key_arn", "sealed_environment"):
        del row["configuration"][name]
    assert read_version(row, seal) == version_of()


def test_rows_have_exactly_the_columns_of_their_tables(version_of, seal):
    function = Function(account_id="1", region="us-east-1", name="greet", tags={"team": "blue"})
    assert set(stored(version_of(), seal)) == set(function_versions.c.keys())
    assert set(function_row(function)) == set(functions.c.keys())
    assert [set(row) for row in tag_rows(function)] == [set(function_tags.c.keys())]


def test_every_field_is_stored_once(version_of, seal):
    row = stored(version_of(), seal)
    names = [*row, *row["configuration"]]
    names.remove("configuration")
    assert sorted(names) == sorted(field.name for field in fields(FunctionVersion))


def test_no_variable_is_in_plain_text(version_of, seal):
    row = stored(version_of(environment={"PASSWORD": "hunter2"}), seal)
    assert "PASSWORD" not in repr(row)
    assert "hunter2" not in repr(row)


@pytest.mark.parametrize("column", ["account_id", "region", "name", "version"])
def test_variables_do_not_open_for_another_version(version_of, seal, column):
    row = stored(version_of(environment={"PASSWORD": "hunter2"}), seal)
    row[column] = "other"
    with pytest.raises(SealBroken):
        read_version(row, seal)


def test_no_variables_need_no_seal(version_of, seal):
    assert stored(version_of(), seal)["environment"] is None
