from __future__ import annotations

import pytest

from lambent.emulator.command_line import SettingsError
from lambent.emulator.gateway_settings import load_gateway_settings


def test_nothing_needs_to_be_set():
    settings = load_gateway_settings({})

    assert (settings.host, settings.port, settings.reply_seconds) == ("0.0.0.0", 8080, 1800)
    assert settings.amqp.shown == "amqp://guest@localhost:5672/"
    assert settings.amqp.connection_attempts == 20
    assert settings.amqp.retry_delay_seconds == 10
    assert settings.limits_sizes
    assert not settings.openfaas
    assert settings.warnings == ()


def test_the_originals_variables_count():
    settings = load_gateway_settings(
        {
            "AMQP_URI": "amqp://broker:1234/?retry_delay=1",
            "AMQP_USERNAME": "me",
            "AMQP_PASSWORD": "pass:word",
            "INVOKE_API_HOST": "::1",
            "PORT": "9090",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "10.5",
            "ENABLE_OPENFAAS": "TRUE",
            "USE_STRUCTURED_LOGGING": "yes",
            "LOG_LEVEL": "WARNING",
        }
    )

    assert settings.amqp.shown == "amqp://me@broker:1234/"
    assert (settings.host, settings.port, settings.reply_seconds) == ("::1", 9090, 10)
    assert settings.openfaas
    assert settings.structured_logging
    assert settings.log_level == "WARNING"
    assert "word" not in repr(settings)


def test_a_variable_that_is_empty_is_not_set():
    assert load_gateway_settings({"AMQP_URI": "", "PORT": ""}).port == 8080


@pytest.mark.parametrize(
    "given",
    [
        {"PORT": "abc"},
        {"AWS_LAMBDA_FUNCTION_TIMEOUT": "0"},
        {"AWS_LAMBDA_FUNCTION_TIMEOUT": "abc"},
        {"AMQP_URI": "http://localhost"},
        {"AMQP_URI": "   "},
    ],
)
def test_what_cannot_be_is_refused_by_its_name(given):
    with pytest.raises(SettingsError, match=next(iter(given))):
        load_gateway_settings(given)
