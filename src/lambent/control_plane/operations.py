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
from lambent.control_plane.layer_permissions import (
    add_layer_version_permission,
    get_layer_version_policy,
    remove_layer_version_permission,
)
from lambent.control_plane.layers import (
    delete_layer_version,
    get_layer_version,
    get_layer_version_by_arn,
    list_layer_versions,
    list_layers,
    publish_layer_version,
)
from lambent.control_plane.not_available import NOT_AVAILABLE
from lambent.control_plane.plane import ControlPlane
from lambent.control_plane.provisioned_concurrency import (
    delete_provisioned_concurrency_config,
    get_provisioned_concurrency_config,
    list_provisioned_concurrency_configs,
    put_provisioned_concurrency_config,
)
from lambent.control_plane.runtime_management import (
    get_runtime_management_config,
    put_runtime_management_config,
)
from lambent.control_plane.tags import list_tags, tag_resource, untag_resource
from lambent.control_plane.versions import list_versions_by_function, publish_version
from lambent.domain.caller import Caller

__all__ = ["NOT_AVAILABLE", "OPERATIONS", "Operation"]

Operation = Callable[[ControlPlane, Caller, dict[str, Any]], Awaitable[dict[str, Any]]]

OPERATIONS: dict[str, Operation] = {
    "AddLayerVersionPermission": add_layer_version_permission,
    "CreateFunction": create_function,
    "DeleteFunction": delete_function,
    "DeleteLayerVersion": delete_layer_version,
    "DeleteProvisionedConcurrencyConfig": delete_provisioned_concurrency_config,
    "GetAccountSettings": get_account_settings,
    "GetFunction": get_function,
    "GetFunctionCodeSigningConfig": get_function_code_signing_config,
    "GetFunctionConfiguration": get_function_configuration,
    "GetLayerVersion": get_layer_version,
    "GetLayerVersionByArn": get_layer_version_by_arn,
    "GetLayerVersionPolicy": get_layer_version_policy,
    "GetRuntimeManagementConfig": get_runtime_management_config,
    "ListFunctions": list_functions,
    "ListLayerVersions": list_layer_versions,
    "ListLayers": list_layers,
    "ListTags": list_tags,
    "ListVersionsByFunction": list_versions_by_function,
    "PublishLayerVersion": publish_layer_version,
    "GetProvisionedConcurrencyConfig": get_provisioned_concurrency_config,
    "ListProvisionedConcurrencyConfigs": list_provisioned_concurrency_configs,
    "PublishVersion": publish_version,
    "PutProvisionedConcurrencyConfig": put_provisioned_concurrency_config,
    "PutRuntimeManagementConfig": put_runtime_management_config,
    "RemoveLayerVersionPermission": remove_layer_version_permission,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "UpdateFunctionCode": update_function_code,
    "UpdateFunctionConfiguration": update_function_configuration,
}
