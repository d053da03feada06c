from __future__ import annotations

from typing import Any

import pytest

from lambent.control_plane import operations
from lambent.domain.caller import Caller
from lambent.domain.errors import ServiceError
from lambent.invocation import invoke
from lambent.server.apis import build_functions_api, build_logs_api

CALLER = Caller(account_id="123456789012", region="us-east-1", request_id="r")
NOBODY: Any = None


@pytest.fixture(scope="module")
def functions():
    return build_functions_api(NOBODY, NOBODY)


@pytest.fixture(scope="module")
def logs():
    return build_logs_api(NOBODY, NOBODY)


def test_every_operation_of_the_models_is_answered(functions, logs):
    for api in (functions, logs):
        assert set(api.operations) == set(api.service.operations)


def test_each_plane_answers_its_own_operations():
    planes: Any = "control plane", "data plane"
    api = build_functions_api(*planes)
    bound: dict[str, Any] = dict(api.operations)
    for plane, module in zip(planes, (operations, invoke), strict=True):
        for name, function in module.OPERATIONS.items():
            assert (bound[name].func, bound[name].args) == (function, (plane,)), name


async def test_what_is_not_available_says_why(functions):
    for name, why in operations.NOT_AVAILABLE.items():
        with pytest.raises(ServiceError) as caught:
            await functions.operations[name](CALLER, {})
        assert (caught.value.code, caught.value.message) == ("NotImplementedException", why)


async def test_an_operation_nobody_has_written_of_is_refused_by_its_name(logs):
    with pytest.raises(ServiceError, match="StartQuery is not available in this release"):
        await logs.operations["StartQuery"](CALLER, {})
