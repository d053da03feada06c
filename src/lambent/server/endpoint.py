"""The gateway, with all that it answers by."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from lambent.invocation.function_urls.access import UrlAccess
from lambent.invocation.function_urls.endpoint import FunctionUrls
from lambent.server.apis import build_functions_api, build_logs_api
from lambent.server.cloudwatch import build_cloudwatch
from lambent.server.custom_resources import CustomResourceResponses
from lambent.server.environments import list_environments, summarize_health
from lambent.server.function_permissions import check_function
from lambent.server.gateway import Gateway
from lambent.server.metrics import prometheus_page
from lambent.server.neighbours import Neighbours
from lambent.server.queue_api import QueueApi
from lambent.server.sandbox_access import url_inside
from lambent.server.service_door import ServiceDoor

if TYPE_CHECKING:
    from lambent.control_plane.plane import ControlPlane
    from lambent.execution_environment.prepared_sandbox import Sandboxes
    from lambent.server.config import Config
    from lambent.server.data_plane import Invoking
    from lambent.server.neighbourhood import Neighbourhood
    from lambent.server.stores import Stores


def build_gateway(
    config: Config,
    stores: Stores,
    control_plane: ControlPlane,
    invoking: Invoking,
    around: Neighbourhood,
    sandboxes: Sandboxes,
) -> Gateway:
    """What answers callers and functions, at one URL."""
    url = url_inside(config.isolation, control_plane.endpoint)
    custom_resources = CustomResourceResponses(around.credentials, url)
    pool, companion = invoking.plane.runs.pool, around.companion
    return Gateway(
        functions=build_functions_api(control_plane, invoking.plane),
        logs=build_logs_api(stores.logs, invoking.subscriptions),
        cloudwatch=build_cloudwatch(invoking.measurements),
        packages=stores.packages,
        code_location_key=control_plane.code_location_key,
        account_id=config.account_id,
        region=config.region,
        health=functools.partial(summarize_health, pool, sandboxes),
        environments=functools.partial(list_environments, pool),
        metrics=functools.partial(
            prometheus_page, invoking.measurements, invoking.queue_view.counts
        ),
        queue=QueueApi(invoking.queue_view),
        neighbours=Neighbours(endpoints=around.endpoints, companion=companion),
        services=ServiceDoor(
            plane=invoking.plane,
            secret=companion.secret if companion else "",
            custom_resources=custom_resources,
        ),
        custom_resources=custom_resources,
        authorize=functools.partial(check_function, around.role_policies),
        function_urls=FunctionUrls(
            runs=invoking.plane.runs,
            urls=stores.function_urls_by_id,
            access=UrlAccess(
                policy_of=stores.policies.get,
                role_policies=around.role_policies,
                signers=around.signers,
            ),
        ),
    )
