"""The tables of a new database. `migrations/` brings an older one to exactly this; a test compares
the two.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

REVISION = "0010"  # of the newest migration

# Constraints have names, because SQLite can later alter only what has one.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_NAMED = ("account_id", "region", "name")


def _key() -> list[Column[str]]:
    """The columns that say which function or layer."""
    return [Column(each, String, primary_key=True) for each in _NAMED]


def _of(table: str, *more: str, ondelete: str | None = None) -> ForeignKeyConstraint:
    """That it belongs to a row of `table`, of which it has the key and `more`."""
    columns = [*_NAMED, *more]
    return ForeignKeyConstraint(columns, [f"{table}.{each}" for each in columns], ondelete=ondelete)


def _version_in(column: str, *, constraint: str) -> ForeignKeyConstraint:
    """That `column` names a version of the function; a constraint of that name."""
    referred = [f"function_versions.{each}" for each in (*_NAMED, "version")]
    return ForeignKeyConstraint([*_NAMED, column], referred, name=constraint)


functions = Table(
    "functions",
    metadata,
    *_key(),
    Column("next_version", Integer, nullable=False),  # only ever grows
)

# How far the versions of functions that are gone were counted: no number is used again.
deleted_functions = Table(
    "deleted_functions",
    metadata,
    *_key(),
    Column("next_version", Integer, nullable=False),
)

function_versions = Table(
    "function_versions",
    metadata,
    *_key(),
    Column("version", String, primary_key=True),  # $LATEST, 1, 2, ...
    Column("revision_id", String, nullable=False),
    # Everything else of a version: read whole and never searched, so that a new setting of Lambda's
    # needs no new column.
    Column("configuration", JSON, nullable=False),
    Column("environment", LargeBinary),  # sealed; NULL when there are no variables
    _of("functions", ondelete="CASCADE"),
)

aliases = Table(
    "aliases",
    metadata,
    *_key(),
    Column("alias", String, primary_key=True),
    Column("version", String, nullable=False),
    Column("second_version", String),
    Column("second_weight", Float, nullable=False),
    Column("description", String, nullable=False),
    Column("revision_id", String, nullable=False),
    _of("functions", ondelete="CASCADE"),
    # No CASCADE: what an alias points to stays.
    _version_in("version", constraint="fk_aliases_version"),
    _version_in("second_version", constraint="fk_aliases_second_version"),
)

function_tags = Table(
    "function_tags",
    metadata,
    *_key(),
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
    _of("functions", ondelete="CASCADE"),
)

# A layer stays when its last version is deleted, so that no number is used again.
layers = Table(
    "layers",
    metadata,
    *_key(),
    Column("next_version", Integer, nullable=False),  # only ever grows
)

layer_versions = Table(
    "layer_versions",
    metadata,
    *_key(),
    Column("version", Integer, primary_key=True),
    Column("configuration", JSON, nullable=False),  # read whole and never searched
    Column("permissions", JSON, nullable=False),  # the policy's statements, in their order
    Column("policy_revision_id", String),  # NULL until there is a policy
    _of("layers"),
)

# What functions, or their qualifiers, keep beside their versions: see `records.py`.
function_records = Table(
    "function_records",
    metadata,
    *_key(),
    Column("qualifier", String, primary_key=True),  # empty: the function as a whole
    Column("kind", String, primary_key=True),
    Column("revision_id", String, nullable=False),
    Column("configuration", JSON, nullable=False),
    _of("functions", ondelete="CASCADE"),
)

account_records = Table(
    "account_records",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("region", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("revision_id", String, nullable=False),
    Column("configuration", JSON, nullable=False),
)

# Identifiers of logs are never used again (AUTOINCREMENT): what is left of a deleted group must not
# turn up in a new one, and an event's identifier says when it came.
log_groups = Table(
    "log_groups",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("region", String, nullable=False),
    Column("name", String, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("retention_days", Integer),  # NULL: events never expire
    Column("kms_key_id", String),
    Column("log_group_class", String, nullable=False),
    Column("is_protected", Boolean, nullable=False),
    Column("stored_bytes", BigInteger, nullable=False),
    Column("tags", JSON, nullable=False),
    UniqueConstraint("account_id", "region", "name"),
    sqlite_autoincrement=True,
)

log_streams = Table(
    "log_streams",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("group_id", Integer, nullable=False),
    Column("name", String, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    # 0 and not NULL as long as there is no event: streams are sorted by it.
    Column("last_event_ms", BigInteger, nullable=False),
    Column("first_event_ms", BigInteger),
    Column("last_ingestion_ms", BigInteger),
    UniqueConstraint("group_id", "name"),
    Index(None, "group_id", "last_event_ms", "name"),
    sqlite_autoincrement=True,
)

# No foreign keys: a deleted group's or stream's events go in slices, after it.
log_events = Table(
    "log_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("group_id", Integer, nullable=False),
    Column("stream_id", Integer, nullable=False),
    Column("timestamp_ms", BigInteger, nullable=False),
    Column("ingestion_ms", BigInteger, nullable=False),
    Column("message", Text, nullable=False),
    Column("message_bytes", Integer, nullable=False),  # as UTF-8
    Index(None, "group_id", "timestamp_ms"),
    Index(None, "stream_id", "timestamp_ms"),
    sqlite_autoincrement=True,
)

# Groups and streams that are gone, but whose events are not.
deleted_logs = Table(
    "deleted_logs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("group_id", Integer, nullable=False),
    Column("stream_id", Integer),  # NULL: the whole group
)

# Events of asynchronous invocations, until they have an outcome, or as failed ones are forgotten.
# There is no index of request identifiers: these are random, and in a long queue each new event
# would then change a page of its own.
asynchronous_events = Table(
    "asynchronous_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("region", String, nullable=False),
    Column("name", String, nullable=False),
    Column("state", String, nullable=False),  # waiting, failed
    # When it is to be tried; of a failed one, when it failed.
    Column("due_ms", BigInteger, nullable=False),
    Column("request_id", String, nullable=False),
    Column("qualifier", String),
    Column("accepted_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("trace_header", String, nullable=False),
    Column("client_context", String),
    Column("tenant_id", String),
    Column("condition", String),  # of a failed one, as the next
    Column("error", String),
    Column("payload", LargeBinary, nullable=False),
    # Of one function `due_ms`, and the row's number that every index ends with, are the order.
    Index(None, "state", "account_id", "region", "name", "due_ms"),
)

# Whose measurements there are of which metric; where a dimension is empty, of all together.
metric_series = Table(
    "metric_series",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("region", String, nullable=False),
    Column("name", String, nullable=False),
    Column("resource", String, nullable=False),
    Column("executed_version", String, nullable=False),
    Column("metric", String, nullable=False),
    UniqueConstraint("account_id", "region", "name", "resource", "executed_version", "metric"),
    sqlite_autoincrement=True,
)

metric_minutes = Table(
    "metric_minutes",
    metadata,
    Column("series_id", Integer, primary_key=True),
    Column("minute", Integer, primary_key=True),  # since 1970
    Column("samples", Integer, nullable=False),
    Column("total", Float, nullable=False),
    Column("least", Float, nullable=False),
    Column("most", Float, nullable=False),
    Column("buckets", JSON(none_as_null=True)),  # of a distribution: how many are in which
    Index(None, "minute"),
    # They are read by series and minute: so they lie in that order.
    sqlite_with_rowid=False,
)

# Records and dead letters of events that have an outcome, until they are delivered. A number is not
# used again (AUTOINCREMENT): what is purged while it is sent must not take another one with it.
event_deliveries = Table(
    "event_deliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("region", String, nullable=False),
    Column("name", String, nullable=False),
    Column("state", String, nullable=False),  # waiting, failed
    Column("target_arn", String, nullable=False),
    # When it is to be tried; of a failed one, when it failed.
    Column("due_ms", BigInteger, nullable=False),
    Column("kind", String, nullable=False),  # destination, dead_letter
    Column("condition", String, nullable=False),
    Column("request_id", String, nullable=False),
    Column("function_arn", String, nullable=False),
    Column("trace_header", String, nullable=False),
    Column("attributes", JSON, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("last_error", String),
    Column("body", LargeBinary, nullable=False),
    Index(None, "state", "target_arn", "due_ms"),
    Index(None, "account_id", "region", "name", "state"),
    sqlite_autoincrement=True,
)
