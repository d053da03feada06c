"""Where AWS's own answers differ from its published models. Data only.

Each entry was seen in recorded answers of the real services, 2025-11; what nobody has seen is not
here, and the model stands.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# In the order AWS lists them, which is the order of a hash table.
_RUNTIMES = (
    "nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, "
    "java25, python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, "
    "java17, nodejs16.x, dotnet10, dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrections:
    # The value set named in errors, by shape; what is accepted stays the model's enum.
    value_sets: Mapping[str, str] = field(default_factory=dict)
    # Members (structure, member) whose enum the operation checks itself, with another error.
    unchecked_enums: frozenset[tuple[str, str]] = frozenset()
    # Lists and maps whose errors also say that members must not be null.
    not_null: frozenset[str] = frozenset()
    # Lists whose errors give their members' one constraint without "Member must satisfy".
    unwrapped: frozenset[str] = frozenset()
    # Media type of a blob answered as the whole body, by operation.
    payload_types: Mapping[str, str] = field(default_factory=dict)


_LAMBDA = Corrections(
    value_sets={
        "EventSourcePosition": "LATEST, AT_TIMESTAMP, TRIM_HORIZON",
        "InvokeMode": "RESPONSE_STREAM, BUFFERED",
        "RecursiveLoop": "Terminate, Allow",
        "Runtime": _RUNTIMES,
    },
    unchecked_enums=frozenset(
        {("CreateFunctionRequest", "Runtime"), ("UpdateFunctionConfigurationRequest", "Runtime")}
    ),
    not_null=frozenset(
        {"AdditionalVersionWeights", "ArchitecturesList", "CompatibleArchitectures", "LayerList"}
    ),
    unwrapped=frozenset({"CompatibleRuntimes"}),
    payload_types={"Invoke": "application/json"},
)

CORRECTIONS: Mapping[str, Corrections] = {"lambda": _LAMBDA}
