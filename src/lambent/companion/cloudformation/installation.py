"""Puts all of this into moto."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from moto.cloudformation import parsing
from moto.cloudformation.models import cloudformation_backends
from moto.core.common_models import CloudFormationModel

from lambent.companion.cloudformation import buckets, stacks
from lambent.companion.cloudformation.custom_resources import custom_resource
from lambent.companion.cloudformation.functions import FUNCTION
from lambent.companion.cloudformation.invocation_settings import (
    EVENT_INVOKE_CONFIG,
    EVENT_SOURCE_MAPPING,
    URL,
)
from lambent.companion.cloudformation.layers import CODE_SIGNING_CONFIG, LAYER_VERSION
from lambent.companion.cloudformation.log_groups import LOG_GROUP, SUBSCRIPTION_FILTER
from lambent.companion.cloudformation.neighbour_policies import (
    BUCKET_POLICY,
    CDK_METADATA,
    QUEUE_POLICY,
    SUBSCRIPTION,
    TOPIC_POLICY,
)
from lambent.companion.cloudformation.permissions import LAYER_VERSION_PERMISSION, PERMISSION
from lambent.companion.cloudformation.resource_type import Place, model_of
from lambent.companion.cloudformation.versions import ALIAS, VERSION
from lambent.companion.seams import replace

if TYPE_CHECKING:
    from lambent.companion.server_link import ServerLink

RESOURCE_TYPES = (
    FUNCTION, VERSION, ALIAS, PERMISSION, LAYER_VERSION, LAYER_VERSION_PERMISSION,
    EVENT_SOURCE_MAPPING, EVENT_INVOKE_CONFIG, URL, CODE_SIGNING_CONFIG, LOG_GROUP,
    SUBSCRIPTION_FILTER, SUBSCRIPTION, TOPIC_POLICY, QUEUE_POLICY, BUCKET_POLICY, CDK_METADATA,
)  # fmt: skip


def replace_moto(server: ServerLink) -> None:
    """Makes stacks' functions and log groups those of the server.

    Once, before moto's CloudFormation answers its first call. Nothing is called at once.
    """
    making = threading.Lock()

    def locked_client(service: str, account_id: str, region: str) -> Any:
        with making:  # boto3 does not make clients safely in several threads
            return server.client(service, account_id, region)

    def place_of(
        account_id: str, region: str, stack_id: str, logical_id: str, resource_type: str
    ) -> Place:
        stack = cloudformation_backends[account_id][region].stacks.get(stack_id)
        return Place(
            account_id=account_id,
            region=region,
            stack_id=stack_id,
            stack_name=stack_id.split("/")[1],
            logical_id=logical_id,
            resource_type=resource_type,
            client=lambda service: locked_client(service, account_id, region),
            stack_tags=dict(stack.tags) if stack else {},
        )

    custom = model_of(custom_resource(server), place_of)
    ours = [custom, *(model_of(each, place_of) for each in RESOURCE_TYPES)]
    names = {each.cloudformation_type() for each in ours}
    others: list[Any] = [
        each
        for each in CloudFormationModel.__subclasses__()
        if each not in ours and each.cloudformation_type() not in names
    ]
    parsing.get_model_map.cache_clear()
    parsing.get_name_type_map.cache_clear()
    parsing.get_model_list = lambda: [*others, *ours]  # type: ignore[assignment]  # the seam
    replace(parsing, "CustomModel", custom)  # what it makes any `Custom::` with
    buckets.replace_moto()
    stacks.replace_moto()
