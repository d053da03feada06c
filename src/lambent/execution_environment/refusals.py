"""What an invocation is answered when no environment could run it."""

from __future__ import annotations

from lambent.domain.errors import ServiceError, invalid_parameter_value
from lambent.domain.quotas import MIB

_RETRY_AFTER_SECONDS = "1"


def no_room() -> ServiceError:
    """Every environment this host has room for is at work."""
    return _throttled("ConcurrentInvocationLimitExceeded")


def scaled_too_fast() -> ServiceError:
    """The function had as many environments started as it may in that time."""
    return _throttled("FunctionInvocationRateLimitExceeded")


def too_many_for_tenants() -> ServiceError:
    """The function has as many environments of tenants as it may, at work or idle.

    https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation-troubleshooting.html
    """
    return _throttled("ConcurrentInvocationLimitExceeded")


def _throttled(reason: str) -> ServiceError:
    return ServiceError(
        "TooManyRequestsException",
        "Rate Exceeded.",
        Reason=reason,
        retryAfterSeconds=_RETRY_AFTER_SECONDS,
    )


def too_large(whole_bytes: int, limit_bytes: int) -> ServiceError:
    """No waiting helps: the function alone wants more memory than all may take together."""
    return invalid_parameter_value(
        f"The function's MemorySize of {whole_bytes // MIB} MB is more than the "
        f"{limit_bytes // MIB} MB this server has for all execution environments together. "
        "Lower it, or start the server with a larger --memory-mib."
    )


def restore_timed_out() -> ServiceError:
    return ServiceError(
        "SnapStartTimeoutException",
        "Lambda couldn't restore the snapshot within the timeout limit.",
    )


def restore_failed(error_type: str) -> ServiceError:
    """A hook that runs after a restore, or what was restored, failed; the log says how."""
    return ServiceError(
        "SnapStartException",
        f"The function failed when it was restored from its snapshot ({error_type}). "
        "For more information, check the Amazon CloudWatch logs.",
    )


def stopping() -> ServiceError:
    return ServiceError(
        "ServiceException", "The server was stopped before the function had answered."
    )


def unavailable() -> ServiceError:
    return ServiceError(
        "ServiceException",
        "Lambent could not make an execution environment for this invocation; "
        "the server's log says why, and `lambent doctor` checks the host.",
    )
