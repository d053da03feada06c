from __future__ import annotations

import pytest

from lambent.domain.errors import ServiceError

PUT = "PutFunctionRecursionConfig"
GET = "GetFunctionRecursionConfig"


async def test_loops_are_terminated_unless_they_are_allowed(api, caplog):
    await api.active()
    assert await api(GET, FunctionName="echo") == {"RecursiveLoop": "Terminate"}
    for choice in ("Allow", "Terminate"):
        answer = {"RecursiveLoop": choice}
        assert await api(PUT, FunctionName="echo", RecursiveLoop=choice) == answer
        assert await api(GET, FunctionName="echo") == answer
    assert caplog.text == ""


@pytest.mark.parametrize("operation", [PUT, GET])
async def test_a_function_that_is_not_there_has_none(api, operation):
    with pytest.raises(ServiceError) as caught:
        await api(operation, FunctionName="gone", RecursiveLoop="Allow")
    assert caught.value.code == "ResourceNotFoundException"


async def test_it_goes_with_its_function(api):
    await api.active()
    await api(PUT, FunctionName="echo", RecursiveLoop="Allow")
    await api("DeleteFunction", FunctionName="echo")
    await api.active()
    assert await api(GET, FunctionName="echo") == {"RecursiveLoop": "Terminate"}
