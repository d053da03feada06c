"""What an operator is told about execution environments: no code, no variables, no payloads."""

from __future__ import annotations

import time
from importlib.metadata import version as package_version
from typing import TYPE_CHECKING

from lambent.domain.quotas import MIB

if TYPE_CHECKING:
    from lambent.execution_environment.environment import Environment
    from lambent.execution_environment.pool.pool import Pool
    from lambent.execution_environment.prepared_sandbox import Sandboxes


def list_environments(pool: Pool, function: str | None) -> dict[str, object]:
    """All that there are, or those of the functions with this name; the oldest first."""
    now = time.monotonic()
    return {
        "environments": [
            _described(environment, now)
            for environment in pool.environments()
            if function is None or environment.version.name == function
        ]
    }


def summarize_health(pool: Pool, sandboxes: Sandboxes) -> dict[str, object]:
    """That the server answers, and how many environments and stem cells there are."""
    statistics = pool.statistics()
    return {
        "status": "ok",
        "version": package_version("lambent"),
        "environments": {
            "total": statistics.environments,
            "idle": statistics.idle,
            "starting": statistics.starting,
        },
        "waiting_invocations": statistics.waiting,
        "stem_cells": sandboxes.in_stock(),
    }


def _described(environment: Environment, now: float) -> dict[str, object]:
    version = environment.version
    return {
        "id": environment.id,
        "account_id": version.account_id,
        "region": version.region,
        "function": version.name,
        "version": version.version,
        "runtime": version.runtime,
        "kind": environment.initialization_type,
        "tenant": environment.tenant_id,  # None without tenant isolation
        "state": str(environment.state),
        "created_ms": environment.created_ms,
        "seconds_since_last_use": round(max(0.0, now - environment.last_used), 3),
        "invocations": environment.invocations,
        # None when this host cannot tell.
        "memory_used_bytes": environment.memory_bytes() or None,
        "memory_limit_bytes": version.memory_mib * MIB,
    }
