from __future__ import annotations

import pytest

from lambent.domain.errors import ServiceError

NO_LEVEL = (
    'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your '
    'request or change the LogFormat to "JSON" and try again.'
)
TEXT = {"LogFormat": "Text", "LogGroup": "/aws/lambda/echo"}
JSON = {
    "LogFormat": "JSON",
    "ApplicationLogLevel": "INFO",
    "SystemLogLevel": "INFO",
    "LogGroup": "/aws/lambda/echo",
}


async def created(api, **logging):
    return (await api.active(LoggingConfig=logging))["LoggingConfig"]


async def updated(api, **logging):
    answer = await api("UpdateFunctionConfiguration", FunctionName="echo", LoggingConfig=logging)
    await api.settle()
    return answer["LoggingConfig"]


async def refused(call):
    with pytest.raises(ServiceError) as caught:
        await call
    assert caught.value.code == "InvalidParameterValueException"
    return caught.value.message


@pytest.mark.parametrize("logging", [{}, {"LogFormat": "Text"}, {"LogGroup": "/aws/lambda/echo"}])
async def test_functions_log_as_text_to_a_group_of_their_name(api, logging):
    assert await created(api, **logging) == TEXT


async def test_json_logs_have_levels(api):
    assert await created(api, LogFormat="JSON") == JSON


@pytest.mark.parametrize(
    "logging",
    [{"ApplicationLogLevel": "DEBUG"}, {"SystemLogLevel": "WARN"}, {"LogGroup": "cool_lambda"}],
)
async def test_what_is_asked_for_is_answered(api, logging):
    assert await created(api, LogFormat="JSON", **logging) == {**JSON, **logging}
    stored = await api("GetFunctionConfiguration", FunctionName="echo")
    assert stored["LoggingConfig"] == {**JSON, **logging}


async def test_an_update_lays_its_part_over_what_is(api):
    await created(api)
    assert await updated(api, LogGroup="cool_lambda") == {**TEXT, "LogGroup": "cool_lambda"}
    in_group = {**JSON, "LogGroup": "cool_lambda"}
    assert await updated(api, LogFormat="JSON") == in_group
    assert await updated(api, SystemLogLevel="DEBUG") == {**in_group, "SystemLogLevel": "DEBUG"}
    assert await updated(api, LogFormat="JSON", ApplicationLogLevel="ERROR") == {
        **in_group,
        "ApplicationLogLevel": "ERROR",
        "SystemLogLevel": "DEBUG",
    }


async def test_back_to_text_there_are_no_levels_and_json_begins_with_the_defaults_again(api):
    await created(api, LogFormat="JSON", ApplicationLogLevel="ERROR")
    assert await updated(api, LogFormat="Text") == TEXT
    assert await updated(api, LogFormat="JSON") == JSON


async def test_the_group_of_the_function_s_name_takes_the_place_of_another(api):
    await created(api, LogGroup="cool_lambda")
    assert await updated(api, LogGroup="/aws/lambda/echo") == TEXT


@pytest.mark.parametrize("member", ["ApplicationLogLevel", "SystemLogLevel"])
@pytest.mark.parametrize("log_format", [{}, {"LogFormat": "Text"}])
async def test_text_logs_have_no_level(api, member, log_format):
    assert await refused(api.create(LoggingConfig={**log_format, member: "INFO"})) == NO_LEVEL
    await created(api)
    assert await refused(updated(api, **log_format, **{member: "INFO"})) == NO_LEVEL


async def test_a_level_alone_is_for_the_format_the_function_has(api):
    await created(api, LogFormat="JSON")
    assert await updated(api, ApplicationLogLevel="WARN") == {**JSON, "ApplicationLogLevel": "WARN"}
    assert await refused(updated(api, LogFormat="Text", ApplicationLogLevel="WARN")) == NO_LEVEL


@pytest.mark.parametrize("name", ["aws/mine", "AWS/lambda"])
async def test_a_group_cloudwatch_would_not_make_is_refused(api, name):
    message = await refused(api.create(LoggingConfig={"LogGroup": name}))
    assert message == "Log groups starting with AWS/ are reserved for AWS."


async def test_a_published_version_keeps_its_own(api):
    await created(api, LogFormat="JSON")
    await api("PublishVersion", FunctionName="echo")
    await updated(api, LogFormat="Text")
    version = await api("GetFunctionConfiguration", FunctionName="echo", Qualifier="1")
    assert version["LoggingConfig"] == JSON
