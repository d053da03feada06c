"""Every layer version: in memory to be read, in the database to last, as functions are."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from sqlalchemy import Connection, and_, delete, exists, insert, select, update

from lambent.domain.layer import LayerPermission, LayerReference, LayerVersion
from lambent.store.schema import layer_versions, layers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, RowMapping

    from lambent.store.database import Database


class NotFound(Exception):
    """Raised when the layer version to be changed is not there, or not any more."""


class PolicyChanged(Exception):
    """Raised when a layer version's policy has changed since its writer read it."""


# What has columns of its own; everything else is in the column `configuration`.
_COLUMNS = ("layer", "version", "permissions", "policy_revision_id")


def _key(layer: LayerReference) -> dict[str, object]:
    return {"account_id": layer.account_id, "region": layer.region, "name": layer.name}


def _row(version: LayerVersion) -> dict[str, object]:
    configuration: dict[str, object] = asdict(version)
    for column in _COLUMNS:
        del configuration[column]
    return {
        **_key(version.layer),
        "version": version.version,
        "configuration": configuration,
        **_policy(version),
    }


def _policy(version: LayerVersion) -> dict[str, object]:
    return {
        "permissions": [asdict(permission) for permission in version.permissions],
        "policy_revision_id": version.policy_revision_id,
    }


def _read(row: RowMapping) -> LayerVersion:
    configuration = dict(row["configuration"])
    for member in ("compatible_runtimes", "compatible_architectures"):
        if configuration[member] is not None:
            configuration[member] = tuple(configuration[member])
    return LayerVersion(
        layer=LayerReference(account_id=row["account_id"], region=row["region"], name=row["name"]),
        version=row["version"],
        permissions=tuple(LayerPermission(**permission) for permission in row["permissions"]),
        policy_revision_id=row["policy_revision_id"],
        **configuration,
    )


def _load(connection: Connection) -> list[LayerVersion]:
    rows = connection.execute(select(layer_versions).order_by(layer_versions.c.version))
    return [_read(row._mapping) for row in rows]


def _is_layer(layer: LayerReference) -> ColumnElement[bool]:
    columns = layers.c
    return and_(
        columns.account_id == layer.account_id,
        columns.region == layer.region,
        columns.name == layer.name,
    )


def _is_version(layer: LayerReference, number: int) -> ColumnElement[bool]:
    columns = layer_versions.c
    return and_(
        columns.account_id == layer.account_id,
        columns.region == layer.region,
        columns.name == layer.name,
        columns.version == number,
    )


def _take_number(connection: Connection, layer: LayerReference) -> int:
    """The layer's next number, which it never gives again; a layer that is not there begins."""
    is_layer = _is_layer(layer)
    number = connection.scalar(select(layers.c.next_version).where(is_layer))
    if number is None:
        connection.execute(insert(layers), {**_key(layer), "next_version": 2})
        return 1
    connection.execute(update(layers).where(is_layer).values(next_version=number + 1))
    return int(number)


def _update_policy(connection: Connection, version: LayerVersion, if_revision: str | None) -> None:
    is_version = _is_version(version.layer, version.version)
    is_current = layer_versions.c.policy_revision_id.is_not_distinct_from(if_revision)
    change = update(layer_versions).where(is_version, is_current).values(_policy(version))
    if connection.execute(change).rowcount:
        return
    if connection.scalar(select(exists().where(is_version))):
        raise PolicyChanged(version.arn)
    raise NotFound(version.arn)


class LayerStore:
    """The layers of all accounts and regions."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # (account, region) -> name -> number; what has nothing in it is not there.
        self._regions: dict[tuple[str, str], dict[str, dict[int, LayerVersion]]] = {}

    @classmethod
    async def open(cls, database: Database) -> LayerStore:
        """Loads everything."""
        store = cls(database)
        for version in await database.read(_load):
            store._put(version)
        return store

    def version(self, layer: LayerReference, number: int) -> LayerVersion | None:
        return self._versions(layer).get(number)

    def versions(self, layer: LayerReference) -> list[LayerVersion]:
        """The newest first; empty when there is no such layer."""
        versions = self._versions(layer)
        return [versions[number] for number in sorted(versions, reverse=True)]

    def layers(self, account_id: str, region: str) -> list[LayerReference]:
        """Those with at least one version, by name."""
        names = sorted(self._regions.get((account_id, region), {}))
        return [LayerReference(account_id=account_id, region=region, name=name) for name in names]

    def all_versions(self) -> Iterator[LayerVersion]:
        """Of all accounts, as they are now: what changes during the iteration does not show."""
        named = [versions for found in self._regions.values() for versions in found.values()]
        return iter([version for versions in named for version in versions.values()])

    async def publish(self, draft: LayerVersion) -> LayerVersion:
        """`draft` as the layer's next version, whatever number it came with."""

        def job(connection: Connection) -> LayerVersion:
            version = replace(draft, version=_take_number(connection, draft.layer))
            connection.execute(insert(layer_versions), _row(version))
            return version

        return await self._database.write(job, committed=self._put)

    async def replace_policy(self, version: LayerVersion, *, if_revision: str | None) -> None:
        """Stores the policy of `version`, if the stored one still has the revision `if_revision`.

        None: if there is no policy yet. Raises PolicyChanged and NotFound.
        """

        def job(connection: Connection) -> None:
            _update_policy(connection, version, if_revision)

        await self._database.write(job, committed=lambda _: self._put(version))

    async def delete(self, layer: LayerReference, number: int) -> LayerVersion | None:
        """Removes a version, whose number is not used again; the version, if it was there."""
        was = self.version(layer, number)
        if was is None:
            return None

        def job(connection: Connection) -> bool:
            deletion = delete(layer_versions).where(_is_version(layer, number))
            return connection.execute(deletion).rowcount > 0

        def committed(is_deleted: bool) -> None:
            if is_deleted:
                self._remove(layer, number)

        return was if await self._database.write(job, committed=committed) else None

    def _versions(self, layer: LayerReference) -> dict[int, LayerVersion]:
        return self._regions.get((layer.account_id, layer.region), {}).get(layer.name, {})

    def _put(self, version: LayerVersion) -> None:
        layer = version.layer
        found = self._regions.setdefault((layer.account_id, layer.region), {})
        found.setdefault(layer.name, {})[version.version] = version

    def _remove(self, layer: LayerReference, number: int) -> None:
        found = self._regions[layer.account_id, layer.region]
        del found[layer.name][number]
        if not found[layer.name]:
            del found[layer.name]
