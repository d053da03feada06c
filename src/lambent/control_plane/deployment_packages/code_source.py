"""Where a request's code or layer comes from: a .zip file inside it, or an object in S3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambent.aws.clients import CallRefused, NoEndpoint, Scope, Unreachable
from lambent.aws.objects import ObjectReference, ObjectTooLarge, read_object
from lambent.domain.errors import ServiceError, invalid_parameter_value
from lambent.domain.quotas import UNZIPPED_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.control_plane.plane import ControlPlane
    from lambent.domain.caller import Caller
    from lambent.store.deployment_packages import Package

# Members of a request, or of its Code or Content, that say where the archive is. The mode is COPY:
# `unavailable_settings` refuses the other one.
SOURCE_MEMBERS = frozenset({"ZipFile", "S3Bucket", "S3Key", "S3ObjectVersion"})


async def add_package(plane: ControlPlane, caller: Caller, source: Mapping[str, Any]) -> Package:
    """The archive `source` names, checked and stored.

    Raises ServiceError when it names none or two, when S3 does not give it, or when it is no
    archive Lambda takes.
    """
    archive: bytes | None = source.get("ZipFile")
    from_s3 = sorted(source.keys() & SOURCE_MEMBERS - {"ZipFile"})
    if archive is not None:
        if from_s3:
            raise invalid_parameter_value(
                "Please do not provide other FunctionCode parameters when providing a ZipFile."
            )
        return await plane.packages.add(archive)
    if not (source.get("S3Bucket") and source.get("S3Key")):
        raise invalid_parameter_value("Please provide a source for function code.")
    async with plane.aws.whole_objects:
        archive = await _archive_in_s3(plane, caller, source)
        # Of an archive in S3, only what is in it has a limit.
        return await plane.packages.add(archive, zipped_limit=UNZIPPED_BYTES)


async def _archive_in_s3(plane: ControlPlane, caller: Caller, source: Mapping[str, Any]) -> bytes:
    try:
        return await read_object(
            plane.aws,
            Scope(account_id=caller.account_id, region=caller.region),
            ObjectReference(
                bucket=source["S3Bucket"],
                key=source["S3Key"],
                version=source.get("S3ObjectVersion"),
            ),
            most_bytes=UNZIPPED_BYTES,
        )
    except ObjectTooLarge:
        raise invalid_parameter_value(
            f"Unzipped size must be smaller than {UNZIPPED_BYTES} bytes"
        ) from None
    except CallRefused as error:
        raise _refused_by_s3(error) from error
    except NoEndpoint as error:
        raise invalid_parameter_value(
            f"Code cannot be read from S3: {error}. Or send it as ZipFile."
        ) from None
    except Unreachable as error:
        raise ServiceError("ServiceException", f"S3 cannot be asked: {error}") from error


def _refused_by_s3(error: CallRefused) -> ServiceError:
    told = f"S3 Error Code: {error.code}. S3 Error Message: {error.message}"
    if error.code == "AccessDenied":
        return ServiceError(
            "AccessDeniedException",
            "Your access has been denied by S3, please make sure your request credentials have "
            f"permission to GetObject for bucket/key. {told}",
        )
    return invalid_parameter_value(f"Error occurred while GetObject. {told}")
