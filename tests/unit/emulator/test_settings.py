"""Settings from a command line and variables, as both originals name them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambent.emulator.settings import SettingsError, load_settings

URI = "amqp://guest:secret@broker"
FLAGS = ("PRINT_REPORTS", "LIMIT_SIZES", "ENABLE_OPENFAAS", "USE_STRUCTURED_LOGGING")


def test_nothing_said_is_what_the_originals_do():
    settings = load_settings([], {})
    assert (settings.host, settings.port) == ("0.0.0.0", 8080)
    assert (settings.runtime_api_host, settings.runtime_api_port) == ("127.0.0.1", 9001)
    assert settings.amqp is None
    assert (settings.timeout_seconds, settings.idle_seconds) == (3, 1800)
    assert (settings.memory_mib, settings.max_concurrency) == (3008, 1)
    assert (settings.function_version, settings.command) == ("$LATEST", ())
    assert settings.directory == Path("/var/task")
    assert not settings.prints_reports
    assert not settings.openfaas
    assert not settings.structured_logging


def test_each_variable_is_read():
    settings = load_settings(
        ["./run", "app.handler"],
        {
            "INVOKE_API_HOST": "127.0.0.1",
            "PORT": "9000",
            "RUNTIME_API_HOST": "127.0.1.1",
            "RUNTIME_API_PORT": "9002",
            "AMQP_URI": URI,
            "AWS_LAMBDA_FUNCTION_NAME": "named",
            "AWS_LAMBDA_FUNCTION_VERSION": "7",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "11",
            "AWS_LAMBDA_FUNCTION_IDLETIMEOUT": "12",
            "AWS_LAMBDA_FUNCTION_QUEUETIMEOUT": "13",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_REGION": "eu-west-1",
            "MAX_CONCURRENCY": "4",
            "PRINT_REPORTS": "True",
            "LOG_LEVEL": "WARNING",
            "USE_STRUCTURED_LOGGING": "yes",
            "ENABLE_OPENFAAS": "true",
        },
    )
    assert (settings.host, settings.port) == ("127.0.0.1", 9000)
    assert (settings.runtime_api_host, settings.runtime_api_port) == ("127.0.1.1", 9002)
    assert settings.amqp is not None
    assert (settings.function_name, settings.function_version) == ("named", "7")
    times = (settings.timeout_seconds, settings.idle_seconds, settings.queue_seconds)
    assert times == (11, 12, 13)
    assert (settings.memory_mib, settings.max_concurrency) == (512, 4)
    assert settings.region == "eu-west-1"
    assert settings.prints_reports
    assert settings.openfaas
    assert settings.structured_logging
    assert settings.log_level == "WARNING"
    assert settings.handler == "app.handler"
    assert settings.directory == Path.cwd()
    assert settings.warnings == ()


def test_an_empty_variable_is_not_set():
    settings = load_settings([], dict.fromkeys(("PORT", "MAX_CONCURRENCY", "AMQP_URI"), ""))
    assert (settings.port, settings.max_concurrency, settings.amqp) == (8080, 1, None)


@pytest.mark.parametrize(
    ("arguments", "variables", "handler", "name"),
    [
        (["./run", "app.handler"], {}, "app.handler", "app"),
        (["./run", "src/my app.handler"], {}, "src/my app.handler", "my-app"),
        (["./run"], {"_HANDLER": "echo.main"}, "echo.main", "echo"),
        (["./run", "a.b"], {"_HANDLER": "c.d"}, "c.d", "c"),
        (["./run", "a.b"], {"AWS_LAMBDA_FUNCTION_HANDLER": "e.f", "_HANDLER": "c.d"}, "e.f", "e"),
        (["./run"], {}, "", "test_function"),
    ],
)
def test_the_function_is_called_by_its_handler_unless_it_has_a_name(
    arguments, variables, handler, name
):
    settings = load_settings(arguments, variables)
    assert (settings.handler, settings.function_name) == (handler, name)
    assert settings.warnings == (
        f"AWS_LAMBDA_FUNCTION_NAME is not set: the function is called {name}",
    )


@pytest.mark.parametrize(("told", "number"), [("10.9", 10), ("1e1", 10), (" 7 ", 7)])
def test_of_a_number_the_whole_part_counts(told, number):
    settings = load_settings([], {"AWS_LAMBDA_FUNCTION_TIMEOUT": told})
    assert settings.timeout_seconds == number
    assert any("the whole part is taken" in each for each in settings.warnings) == (told == "10.9")


@pytest.mark.parametrize(
    ("words", "value"),
    [(("true", "TRUE", "1", "Yes", "on"), True), (("false", "False", "0", "NO", "off"), False)],
)
def test_yes_and_no_may_be_said_in_several_words(words, value):
    for word in words:
        settings = load_settings([], dict.fromkeys(FLAGS, word))
        assert settings.prints_reports == settings.limits_sizes == value
        assert settings.openfaas == settings.structured_logging == value


@pytest.mark.parametrize("name", FLAGS)
def test_what_is_neither_yes_nor_no_is_refused(name):
    with pytest.raises(SettingsError, match=f"^{name} is 'maybe'; it must be true or false"):
        load_settings([], {name: "maybe"})


def test_awss_variable_for_concurrency_is_said_to_have_no_effect():
    variables = {"AWS_LAMBDA_MAX_CONCURRENCY": "8", "AWS_LAMBDA_FUNCTION_NAME": "f"}
    [warning] = load_settings([], variables).warnings
    assert warning.startswith("AWS_LAMBDA_MAX_CONCURRENCY has no effect here: MAX_CONCURRENCY ")


def test_a_directory_that_is_gone_is_told_of(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(SettingsError, match="directory that this is started in"):
        load_settings(["./run", "app.handler"], {})
    assert load_settings([], {}).directory == Path("/var/task")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("AWS_LAMBDA_FUNCTION_TIMEOUT", "0"),
        ("AWS_LAMBDA_FUNCTION_TIMEOUT", "0.5"),
        ("AWS_LAMBDA_FUNCTION_TIMEOUT", "abc"),
        ("AWS_LAMBDA_FUNCTION_TIMEOUT", "inf"),
        ("AWS_LAMBDA_FUNCTION_TIMEOUT", "nan"),
        ("MAX_CONCURRENCY", "0"),
        ("MAX_CONCURRENCY", "-1"),
        ("MAX_CONCURRENCY", "abc"),
        ("PORT", "abc"),
        ("PORT", "65536"),
        ("RUNTIME_API_PORT", "-1"),
        ("TIME_OUT_ANSWER", "other"),
    ],
)
def test_what_cannot_be_is_refused_with_its_name(name, told):
    with pytest.raises(SettingsError, match=f"^{name} is "):
        load_settings([], {name: told})


def test_an_unknown_level_of_the_functions_own_is_only_warned_of():
    settings = load_settings([], {"LOG_LEVEL": "verbose", "AWS_LAMBDA_FUNCTION_NAME": "f"})
    assert settings.log_level == "INFO"
    assert settings.warnings == ("LOG_LEVEL is 'verbose', which is no level here: info is taken",)


def test_an_unknown_level_on_the_command_line_is_refused():
    with pytest.raises(SettingsError, match="--log-level is 'verbose'"):
        load_settings(["--log-level", "verbose"], {})
    assert load_settings(["--log-level=trace"], {"LOG_LEVEL": "error"}).log_level == "DEBUG"


def test_secrets_are_not_shown():
    settings = load_settings([], {"AMQP_URI": URI, "TOKEN": "hidden"})
    assert "secret" not in repr(settings)
    assert "hidden" not in repr(settings)
