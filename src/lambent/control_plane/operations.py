"""Every operation of the Lambda API that manages resources, under its name in the model.

The operations that invoke a function are in `lambent.invocation`; the server joins the tables.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from lambent.control_plane.account import get_account_settings
from lambent.control_plane.asynchronous_invocation.event_invoke_configs import (
    delete_function_event_invoke_config,
    get_function_event_invoke_config,
    list_function_event_invoke_configs,
    put_function_event_invoke_config,
    update_function_event_invoke_config,
)
from lambent.control_plane.asynchronous_invocation.recursion import (
    get_function_recursion_config,
    put_function_recursion_config,
)
from lambent.control_plane.code_signing_configs import (
    create_code_signing_config,
    delete_code_signing_config,
    delete_function_code_signing_config,
    get_code_signing_config,
    get_function_code_signing_config,
    list_code_signing_configs,
    list_functions_by_code_signing_config,
    put_function_code_signing_config,
    update_code_signing_config,
)
from lambent.control_plane.concurrency.provisioned_concurrency import (
    delete_provisioned_concurrency_config,
    get_provisioned_concurrency_config,
    list_provisioned_concurrency_configs,
    put_provisioned_concurrency_config,
)
from lambent.control_plane.concurrency.reserved_concurrency import (
    delete_function_concurrency,
    get_function_concurrency,
    put_function_concurrency,
)
from lambent.control_plane.concurrency.scaling import (
    get_function_scaling_config,
    put_function_scaling_config,
)
from lambent.control_plane.event_source_mappings.event_source_mappings import (
    create_event_source_mapping,
    delete_event_source_mapping,
    get_event_source_mapping,
    list_event_source_mappings,
    update_event_source_mapping,
)
from lambent.control_plane.function_urls.function_url_configs import (
    create_function_url_config,
    delete_function_url_config,
    get_function_url_config,
    list_function_url_configs,
    update_function_url_config,
)
from lambent.control_plane.functions.function_code import update_function_code
from lambent.control_plane.functions.function_configuration import update_function_configuration
from lambent.control_plane.functions.functions import (
    create_function,
    delete_function,
    get_function,
    get_function_configuration,
    list_functions,
)
from lambent.control_plane.functions.runtime_management import (
    get_runtime_management_config,
    put_runtime_management_config,
)
from lambent.control_plane.layers.layer_permissions import (
    add_layer_version_permission,
    get_layer_version_policy,
    remove_layer_version_permission,
)
from lambent.control_plane.layers.layers import (
    delete_layer_version,
    get_layer_version,
    get_layer_version_by_arn,
    list_layer_versions,
    list_layers,
    publish_layer_version,
)
from lambent.control_plane.not_available import NOT_AVAILABLE
from lambent.control_plane.plane import ControlPlane
from lambent.control_plane.policies.permissions import add_permission, get_policy, remove_permission
from lambent.control_plane.policies.resource_policies import (
    delete_resource_policy,
    get_resource_policy,
    put_resource_policy,
)
from lambent.control_plane.tags import list_tags, tag_resource, untag_resource
from lambent.control_plane.versions.aliases import (
    create_alias,
    delete_alias,
    get_alias,
    list_aliases,
    update_alias,
)
from lambent.control_plane.versions.versions import list_versions_by_function, publish_version
from lambent.domain.caller import Caller

__all__ = ["NOT_AVAILABLE", "OPERATIONS", "Operation"]

Operation = Callable[[ControlPlane, Caller, dict[str, Any]], Awaitable[dict[str, Any]]]

OPERATIONS: dict[str, Operation] = {
    "AddLayerVersionPermission": add_layer_version_permission,
    "AddPermission": add_permission,
    "CreateAlias": create_alias,
    "CreateCodeSigningConfig": create_code_signing_config,
    "CreateEventSourceMapping": create_event_source_mapping,
    "CreateFunction": create_function,
    "CreateFunctionUrlConfig": create_function_url_config,
    "DeleteAlias": delete_alias,
    "DeleteCodeSigningConfig": delete_code_signing_config,
    "DeleteEventSourceMapping": delete_event_source_mapping,
    "DeleteFunction": delete_function,
    "DeleteFunctionCodeSigningConfig": delete_function_code_signing_config,
    "DeleteFunctionConcurrency": delete_function_concurrency,
    "DeleteFunctionEventInvokeConfig": delete_function_event_invoke_config,
    "DeleteFunctionUrlConfig": delete_function_url_config,
    "DeleteLayerVersion": delete_layer_version,
    "DeleteProvisionedConcurrencyConfig": delete_provisioned_concurrency_config,
    "DeleteResourcePolicy": delete_resource_policy,
    "GetAccountSettings": get_account_settings,
    "GetAlias": get_alias,
    "GetCodeSigningConfig": get_code_signing_config,
    "GetEventSourceMapping": get_event_source_mapping,
    "GetFunction": get_function,
    "GetFunctionCodeSigningConfig": get_function_code_signing_config,
    "GetFunctionConcurrency": get_function_concurrency,
    "GetFunctionConfiguration": get_function_configuration,
    "GetFunctionEventInvokeConfig": get_function_event_invoke_config,
    "GetFunctionRecursionConfig": get_function_recursion_config,
    "GetFunctionScalingConfig": get_function_scaling_config,
    "GetFunctionUrlConfig": get_function_url_config,
    "GetLayerVersion": get_layer_version,
    "GetLayerVersionByArn": get_layer_version_by_arn,
    "GetLayerVersionPolicy": get_layer_version_policy,
    "GetPolicy": get_policy,
    "GetResourcePolicy": get_resource_policy,
    "GetRuntimeManagementConfig": get_runtime_management_config,
    "ListAliases": list_aliases,
    "ListCodeSigningConfigs": list_code_signing_configs,
    "ListEventSourceMappings": list_event_source_mappings,
    "ListFunctionEventInvokeConfigs": list_function_event_invoke_configs,
    "ListFunctionUrlConfigs": list_function_url_configs,
    "ListFunctions": list_functions,
    "ListFunctionsByCodeSigningConfig": list_functions_by_code_signing_config,
    "ListLayerVersions": list_layer_versions,
    "ListLayers": list_layers,
    "ListTags": list_tags,
    "ListVersionsByFunction": list_versions_by_function,
    "PublishLayerVersion": publish_layer_version,
    "GetProvisionedConcurrencyConfig": get_provisioned_concurrency_config,
    "ListProvisionedConcurrencyConfigs": list_provisioned_concurrency_configs,
    "PublishVersion": publish_version,
    "PutFunctionCodeSigningConfig": put_function_code_signing_config,
    "PutFunctionConcurrency": put_function_concurrency,
    "PutFunctionEventInvokeConfig": put_function_event_invoke_config,
    "PutFunctionRecursionConfig": put_function_recursion_config,
    "PutFunctionScalingConfig": put_function_scaling_config,
    "PutProvisionedConcurrencyConfig": put_provisioned_concurrency_config,
    "PutResourcePolicy": put_resource_policy,
    "PutRuntimeManagementConfig": put_runtime_management_config,
    "RemoveLayerVersionPermission": remove_layer_version_permission,
    "RemovePermission": remove_permission,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "UpdateAlias": update_alias,
    "UpdateCodeSigningConfig": update_code_signing_config,
    "UpdateEventSourceMapping": update_event_source_mapping,
    "UpdateFunctionCode": update_function_code,
    "UpdateFunctionConfiguration": update_function_configuration,
    "UpdateFunctionEventInvokeConfig": update_function_event_invoke_config,
    "UpdateFunctionUrlConfig": update_function_url_config,
}
