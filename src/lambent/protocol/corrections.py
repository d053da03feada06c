"""Where AWS's own answers differ from its published models. Data only.

Each entry but the maxima was seen in recorded answers of the real services, 2025-11; what nobody
has seen is not here, and the model stands.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lambent.domain.quotas import (
    EPHEMERAL_STORAGE_MAXIMUM_MIB,
    MEMORY_MAXIMUM_MIB,
    TIMEOUT_MAXIMUM_SECONDS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

# In the order AWS lists them, which is the order of a hash table.
_RUNTIMES = (
    "nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, "
    "java25, python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, "
    "java17, nodejs16.x, dotnet10, dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2"
)

# What an older part of AWS's own names, where a layer's runtimes are a filter.
_LISTED_RUNTIMES = (
    "ruby3.5, ruby2.6, dotnetcore1.0, python3.7, nodejs8.10, nasa, ruby2.7, python2.7-greengrass, "
    "dotnetcore2.0, python3.8, java21, dotnet6, dotnetcore2.1, python3.9, java11, nodejs6.10, "
    "provided, dotnetcore3.1, dotnet8, java25, java17, nodejs, nodejs4.3, java8.al2, go1.x, "
    "dotnet10, nodejs20.x, go1.9, byol, nodejs10.x, provided.al2023, nodejs22.x, python3.10, "
    "java8, nodejs12.x, python3.11, nodejs24.x, nodejs8.x, python3.12, nodejs14.x, nodejs8.9, "
    "nodejs26.x, python3.13, python3.14, nodejs16.x, python3.15, provided.al2, nodejs4.3-edge, "
    "nodejs18.x, ruby3.2, python3.4, ruby3.3, ruby3.4, ruby2.5, python3.6, python2.7"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrections:
    # The value set named in errors, by shape; what is accepted stays the model's enum.
    value_sets: Mapping[str, str] = field(default_factory=dict)
    # The same of one member (structure, member) only.
    member_value_sets: Mapping[tuple[str, str], str] = field(default_factory=dict)
    # Members (structure, member) whose failures are told after the others'.
    last: frozenset[tuple[str, str]] = frozenset()
    # The pattern named in errors, by shape; what is accepted stays the model's.
    patterns: Mapping[str, str] = field(default_factory=dict)
    # The greatest value that is accepted, by shape, where it is not the model's.
    maxima: Mapping[str, int] = field(default_factory=dict)
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
    member_value_sets={("ListLayersRequest", "CompatibleRuntime"): _LISTED_RUNTIMES},
    last=frozenset({("PublishLayerVersionRequest", "CompatibleArchitectures")}),
    patterns={
        "LayerVersionArn": (
            r"(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:"
            r"\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:"
            r"[a-zA-Z0-9-_]+)"
        ),
        # It names layers, which the model does not, and not yet network connectors, which that does.
        "TaggableResource": (
            r"arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:"
            r"\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|"
            r"code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-"
            r"[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|"
            r"capacity-provider:[a-zA-Z0-9-_]+)"
        ),
    },
    # The model's are those of functions on managed instances, which are not available.
    maxima={
        "EphemeralStorageSize": EPHEMERAL_STORAGE_MAXIMUM_MIB,
        "MemorySize": MEMORY_MAXIMUM_MIB,
        "Timeout": TIMEOUT_MAXIMUM_SECONDS,
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
