"""What a function is: its versions, immutable once made, and what belongs to all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from lambent.domain.arn import LATEST, function_arn

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


LogFormat = Literal["Text", "JSON"]
ApplicationLogLevel = Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]
SystemLogLevel = Literal["DEBUG", "INFO", "WARN"]
RuntimeUpdateMode = Literal["Auto", "FunctionUpdate", "Manual"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggingConfiguration:
    """How a function logs. Levels are for the JSON format only, where they have defaults.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html
    """

    log_format: LogFormat = "Text"
    application_log_level: ApplicationLogLevel | None = None
    system_log_level: SystemLogLevel | None = None
    log_group: str | None = None  # None: /aws/lambda/ and the function's name


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedLayer:
    """A layer version as a function version uses it; it outlives the layer's deletion."""

    arn: str  # of the layer version
    code_sha256: str  # base64
    code_bytes: int  # of the zip


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeManagement:
    """When a function version moves to a newer version of its runtime.

    https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html
    """

    update_mode: RuntimeUpdateMode = "Auto"
    runtime_version_arn: str | None = None  # the one it stays at; None with Auto


@dataclass(frozen=True, slots=True, kw_only=True)
class VpcConfiguration:
    """The network a function is attached to; of one that was detached, everything is empty."""

    vpc_id: str = ""
    subnet_ids: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()
    is_ipv6_allowed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MountedFileSystem:
    arn: str  # of the access point
    local_mount_path: str  # /mnt/...


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedVariables:
    """Environment variables under a key of KMS, which only KMS can open again."""

    key_arn: str
    data_key: str  # as KMS encrypted it; base64
    variables: str  # encrypted with the data key; base64


DEFAULT_LOGGING = LoggingConfiguration()
DEFAULT_RUNTIME_MANAGEMENT = RuntimeManagement()


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionVersion:
    """The code and configuration one qualifier runs: `$LATEST`, or a published number."""

    account_id: str
    region: str
    name: str
    version: str = LATEST
    runtime: str
    handler: str
    role: str
    description: str = ""
    timeout_seconds: int
    memory_mib: int
    ephemeral_storage_mib: int
    architecture: str = "x86_64"
    # Secrets: not in logs.
    environment: Mapping[str, str] = field(default_factory=lambda: NO_VARIABLES, repr=False)
    has_environment: bool = False  # AWS answers Environment only when it was ever given
    # With a key of the customer's: `environment` is empty, and this has the variables.
    kms_key_arn: str | None = None
    sealed_environment: SealedVariables | None = field(default=None, repr=False)
    code_sha256: str  # base64, as the API gives it
    code_bytes: int  # of the zip
    layers: tuple[AttachedLayer, ...] = ()  # in the order they are merged
    logging: LoggingConfiguration = DEFAULT_LOGGING
    runtime_management: RuntimeManagement = DEFAULT_RUNTIME_MANAGEMENT
    vpc: VpcConfiguration | None = None  # None: it was never attached to one
    file_systems: tuple[MountedFileSystem, ...] = ()
    dead_letter_arn: str | None = None  # of a queue or topic
    is_traced: bool = False  # TracingConfig's mode Active
    is_snap_start: bool = False  # SnapStart is applied to published versions
    # An execution environment serves one tenant only; said when the function is made, and for good.
    is_tenant_isolated: bool = False
    revision_id: str  # changes with everything a caller can see
    # Changes only with what an execution environment is made from: environments of another
    # configuration never serve this version.
    configuration_id: str
    last_modified: str  # 2026-01-31T12:00:00.000+0000
    state: str = "Active"
    state_reason: str | None = None
    state_reason_code: str | None = None
    last_update_status: str | None = "Successful"
    last_update_status_reason: str | None = None
    last_update_status_reason_code: str | None = None

    @property
    def arn(self) -> str:
        """The function's ARN without a qualifier."""
        return function_arn(self.account_id, self.region, self.name)

    @property
    def qualified_arn(self) -> str:
        return f"{self.arn}:{self.version}"

    @property
    def starts_from_snapshot(self) -> bool:
        """SnapStart is for published versions only."""
        return self.is_snap_start and self.version != LATEST

    @property
    def log_group(self) -> str:
        return self.logging.log_group or f"/aws/lambda/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """What all versions of a function share."""

    account_id: str
    region: str
    name: str
    tags: Mapping[str, str] = field(default_factory=dict)
    next_version: int = 1  # never reused, even after deletion

    @property
    def arn(self) -> str:
        return function_arn(self.account_id, self.region, self.name)
