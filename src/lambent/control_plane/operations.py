"""Every operation of the Lambda API that manages resources, under its name in the model.

The operations that invoke a function are in `lambent.invocation`; the server joins the tables.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from lambent.control_plane.account import get_account_settings
from lambent.control_plane.function_code import update_function_code
from lambent.control_plane.function_configuration import update_function_configuration
from lambent.control_plane.functions import (
    create_function,
    delete_function,
    get_function,
    get_function_code_signing_config,
    get_function_configuration,
    list_functions,
)
from lambent.control_plane.not_available import NOT_AVAILABLE
from lambent.control_plane.plane import ControlPlane
from lambent.control_plane.tags import list_tags, tag_resource, untag_resource
from lambent.control_plane.versions import list_versions_by_function, publish_version
from lambent.domain.caller import Caller

__all__ = ["NOT_AVAILABLE", "OPERATIONS", "Operation"]

Operation = Callable[[ControlPlane, Caller, dict[str, Any]], Awaitable[dict[str, Any]]]

OPERATIONS: dict[str, Operation] = {
    "CreateFunction": create_function,
    "DeleteFunction": delete_function,
    "GetAccountSettings": get_account_settings,
    "GetFunction": get_function,
    "GetFunctionCodeSigningConfig": get_function_code_signing_config,
    "GetFunctionConfiguration": get_function_configuration,
    "ListFunctions": list_functions,
    "ListTags": list_tags,
    "ListVersionsByFunction": list_versions_by_function,
    "PublishVersion": publish_version,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "UpdateFunctionCode": update_function_code,
    "UpdateFunctionConfiguration": update_function_configuration,
}
