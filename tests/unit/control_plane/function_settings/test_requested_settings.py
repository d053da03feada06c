from __future__ import annotations

from dataclasses import replace

import pytest

from lambent.control_plane.function_settings.requested_settings import check_environment
from lambent.domain.errors import ServiceError


async def refused(call, code):
    with pytest.raises(ServiceError) as caught:
        await call
    assert caught.value.code == code
    return caught.value.message


def refused_environment(variables):
    with pytest.raises(ServiceError) as caught:
        check_environment(variables)
    assert caught.value.code == "InvalidParameterValueException"
    return caught.value.message


def test_reserved_variables_are_refused_by_name():
    assert refused_environment({"AWS_REGION": "r", "MINE": "m", "_HANDLER": "h"}) == (
        "Lambda was unable to configure your environment variables because the environment "
        "variables you have provided contains reserved keys that are currently not supported for "
        "modification. Reserved keys used in this request: AWS_REGION, _HANDLER"
    )


def test_environment_variables_may_have_4_kilobytes():
    overhead = len('{"A":""}')
    check_environment({"A": "x" * (4096 - overhead)})
    value = "x" * (4097 - overhead)
    assert refused_environment({"A": value}) == (
        "Lambda was unable to configure your environment variables because the environment "
        "variables you have provided exceeded the 4KB limit. "
        f'String measured: {{"A":"{value}"}}'
    )


def test_environment_variables_are_measured_in_bytes():
    check_environment({"A": "x" * 2048})
    assert "4KB limit" in refused_environment({"A": "é" * 2048})


def test_no_environment_variable_has_a_null_character():
    assert "null character" in refused_environment({"A": "a\0b"})


async def test_a_handler_has_no_null_character(api):
    message = await refused(api.create(Handler="a\0b"), "InvalidParameterValueException")
    assert "null character" in message


async def test_a_function_is_for_the_architecture_of_this_host(api):
    message = await refused(api.create(Architectures=["arm64"]), "InvalidParameterValueException")
    assert message == (
        "Architecture arm64 is not available: this host runs x86_64. Functions with an OS-only "
        "runtime can have another where the kernel has an emulator for it (binfmt_misc)."
    )


async def test_what_the_kernel_emulates_is_for_os_only_runtimes(api):
    api.plane = replace(api.plane, emulated_architectures=frozenset({"arm64"}))
    emulated = await api.active(Runtime="provided.al2023", Architectures=["arm64"])
    assert emulated["Architectures"] == ["arm64"]
    for request in (
        api.create("other", Architectures=["arm64"]),
        api("UpdateFunctionConfiguration", FunctionName="echo", Runtime="python3.12"),
    ):
        assert "OS-only runtimes only" in await refused(request, "InvalidParameterValueException")


async def test_a_faulty_environment_makes_no_function(api):
    message = await refused(
        api.create(Environment={"Variables": {"AWS_REGION": "r"}}),
        "InvalidParameterValueException",
    )
    assert message.endswith("Reserved keys used in this request: AWS_REGION")
    assert (await api("ListFunctions"))["Functions"] == []
