from __future__ import annotations

import pytest

from lambent.domain.errors import ServiceError

OPERATIONS = ["PutFunctionScalingConfig", "GetFunctionScalingConfig"]


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_functions_are_not_on_managed_instances(api, operation):
    await api.active(Publish=True)
    with pytest.raises(ServiceError) as caught:
        await api(operation, FunctionName="echo", Qualifier="1")
    assert (caught.value.code, caught.value.message) == (
        "AccessDeniedException",
        "The function provided by the arn does not contain a capacity provider configuration",
    )


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_function_that_is_not_there_is_told_first(api, operation):
    with pytest.raises(ServiceError) as caught:
        await api(operation, FunctionName="gone", Qualifier="1")
    assert caught.value.code == "ResourceNotFoundException"
