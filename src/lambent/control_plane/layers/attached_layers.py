"""The layers of a function: `Layers` in CreateFunction and UpdateFunctionConfiguration.

https://docs.aws.amazon.com/lambda/latest/dg/adding-layers.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.domain.errors import ServiceError, access_denied, invalid_parameter_value
from lambent.domain.function import AttachedLayer
from lambent.domain.layer import parse_layer_version_arn
from lambent.domain.quotas import LAYERS, UNZIPPED_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambent.control_plane.plane import ControlPlane
    from lambent.domain.caller import Caller
    from lambent.domain.layer import LayerReference, LayerVersion


def requested_layers(
    plane: ControlPlane, caller: Caller, arns: Sequence[str]
) -> tuple[AttachedLayer, ...]:
    """The layer versions with these ARNs, in the order they will be merged.

    Raises ServiceError as AWS does: for too many, for those that are not there or not the
    caller's to use, and for two versions of one layer.
    """
    if len(arns) > LAYERS:
        raise invalid_parameter_value(f"Cannot reference more than {LAYERS} layers.")
    seen: dict[LayerReference, str] = {}
    attached = []
    for arn in arns:
        version = _usable_version(plane, caller, arn)
        if version.layer in seen:
            raise invalid_parameter_value(
                "Two different versions of the same layer are not allowed to be referenced in the "
                f"same function. {seen[version.layer]} and {arn} are versions of the same layer."
            )
        seen[version.layer] = arn
        attached.append(
            AttachedLayer(
                arn=version.arn, code_sha256=version.code_sha256, code_bytes=version.code_bytes
            )
        )
    return tuple(attached)


def _usable_version(plane: ControlPlane, caller: Caller, arn: str) -> LayerVersion:
    found = parse_layer_version_arn(arn)
    if found is None:
        raise _does_not_exist(arn)
    layer, number = found
    if layer.account_id != caller.account_id:
        # AWS says the same of what is not there, and of another region.
        version = plane.layers.version(layer, number) if layer.region == caller.region else None
        if version is None or not version.allows(caller.account_id):
            raise access_denied(caller, "GetLayerVersion", arn)
        return version
    if layer.region != caller.region:
        raise invalid_parameter_value(
            "Layers are not in the same region as the function. "
            f"Layers are expected to be in region {caller.region}."
        )
    version = plane.layers.version(layer, number)
    if version is None:
        raise _does_not_exist(arn)
    return version


def _does_not_exist(arn: str) -> ServiceError:
    return invalid_parameter_value(f"Layer version {arn} does not exist.")


async def check_unzipped_size(
    plane: ControlPlane, code_sha256: str, layers: Sequence[AttachedLayer]
) -> None:
    """Raise ServiceError when a function's code and layers together are too large.

    Until the function is stored, its layers' contents stay, also when the layers are deleted.
    """
    if not layers:
        return
    size = await plane.packages.measure(code_sha256)
    for layer in layers:
        size += await plane.packages.measure(layer.code_sha256)
    if size > UNZIPPED_BYTES:
        raise invalid_parameter_value(
            "Function code combined with layers exceeds the maximum allowed size of "
            f"{UNZIPPED_BYTES} bytes. The actual size is {size} bytes."
        )
