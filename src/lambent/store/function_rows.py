"""How a function's records are laid out in the tables of `schema.py`."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from lambent.domain.arn import LATEST, function_arn
from lambent.domain.function import (
    NO_VARIABLES,
    AttachedLayer,
    Function,
    FunctionVersion,
    LoggingConfiguration,
    MountedFileSystem,
    RuntimeManagement,
    SealedVariables,
    VpcConfiguration,
)
from lambent.store.schema import function_tags, function_versions, functions

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping

    from lambent.store.seal import Seal

_COLUMNS = frozenset({"account_id", "region", "name", "version", "revision_id", "environment"})
_CONFIGURATION = tuple(
    field.name for field in fields(FunctionVersion) if field.name not in _COLUMNS
)


def function_key(function: Function | FunctionVersion) -> dict[str, str]:
    return {"account_id": function.account_id, "region": function.region, "name": function.name}


def function_row(function: Function) -> dict[str, str | int]:
    return {**function_key(function), "next_version": function.next_version}


def tag_rows(function: Function) -> list[dict[str, str]]:
    key = function_key(function)
    return [{**key, "key": tag, "value": value} for tag, value in function.tags.items()]


def version_row(version: FunctionVersion, seal: Seal) -> dict[str, object]:
    environment = None
    if version.environment:
        # The ARN as context: nobody gives one function's secrets to another by editing rows.
        plain = json.dumps(dict(version.environment)).encode()
        environment = seal.seal(plain, version.qualified_arn.encode())
    return {
        **function_key(version),
        "version": version.version,
        "revision_id": version.revision_id,
        "configuration": {
            **{name: getattr(version, name) for name in _CONFIGURATION},
            **_nested(version),
        },
        "environment": environment,
    }


def _nested(version: FunctionVersion) -> dict[str, object]:
    """The fields that are records themselves, as JSON can hold them."""
    sealed, vpc = version.sealed_environment, version.vpc
    return {
        "layers": [asdict(layer) for layer in version.layers],
        "logging": asdict(version.logging),
        "runtime_management": asdict(version.runtime_management),
        "file_systems": [asdict(each) for each in version.file_systems],
        "sealed_environment": None if sealed is None else asdict(sealed),
        "vpc": None if vpc is None else asdict(vpc),
    }


def read_version(row: RowMapping, seal: Seal) -> FunctionVersion:
    """Raises SealBroken when the environment was sealed with another key, or moved here."""
    key = {name: row[name] for name in ("account_id", "region", "name", "version")}
    environment = NO_VARIABLES
    if row["environment"] is not None:
        arn = function_arn(row["account_id"], row["region"], row["name"])
        context = f"{arn}:{row['version']}".encode()
        environment = json.loads(seal.open(row["environment"], context))
    configuration = row["configuration"]
    # Versions written before these settings existed have none of them.
    sealed, vpc = configuration.get("sealed_environment"), configuration.get("vpc")
    nested = {
        "layers": tuple(AttachedLayer(**layer) for layer in configuration.get("layers", ())),
        "logging": LoggingConfiguration(**configuration.get("logging", {})),
        "runtime_management": RuntimeManagement(**configuration.get("runtime_management", {})),
        "file_systems": tuple(
            MountedFileSystem(**each) for each in configuration.get("file_systems", ())
        ),
        "sealed_environment": sealed and SealedVariables(**sealed),
        "vpc": vpc and _read_vpc(**vpc),
    }
    return FunctionVersion(
        **key,
        revision_id=row["revision_id"],
        environment=environment,
        **{**configuration, **nested},
    )


def _read_vpc(
    vpc_id: str, subnet_ids: list[str], security_group_ids: list[str], *, is_ipv6_allowed: bool
) -> VpcConfiguration:
    return VpcConfiguration(
        vpc_id=vpc_id,
        subnet_ids=tuple(subnet_ids),
        security_group_ids=tuple(security_group_ids),
        is_ipv6_allowed=is_ipv6_allowed,
    )


def load_functions(
    connection: Connection, seal: Seal
) -> list[tuple[Function, list[FunctionVersion]]]:
    """All there are, by name, each with $LATEST and then 1, 2, 3. Raises SealBroken."""
    tags: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for row in connection.execute(select(function_tags)):
        tags[function_arn(row.account_id, row.region, row.name)][row.key] = row.value
    versions: defaultdict[str, list[FunctionVersion]] = defaultdict(list)
    for row in connection.execute(select(function_versions)):
        version = read_version(row._mapping, seal)
        versions[version.arn].append(version)
    found = []
    for row in connection.execute(select(functions).order_by(functions.c.name)):
        bare = Function(**row._mapping)
        found.append((replace(bare, tags=tags[bare.arn]), sorted(versions[bare.arn], key=_order)))
    return found


def _order(version: FunctionVersion) -> int:
    return 0 if version.version == LATEST else int(version.version)
