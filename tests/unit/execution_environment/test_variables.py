from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.versions import function_version

from lambent.domain.environment_variables import RESERVED
from lambent.domain.function import DEFAULT_LOGGING, LoggingConfiguration
from lambent.execution_environment.runtimes.interpreters import Interpreter
from lambent.execution_environment.runtimes.runtime import Runtime
from lambent.execution_environment.variables import defined_variables

if TYPE_CHECKING:
    from lambent.telemetry.platform_events import InitializationType

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "very secret",
    "AWS_SESSION_TOKEN": "also secret",
}
# What Lambda defines and a configuration may replace.
UNRESERVED = {
    "LANG",
    "TZ",
    "PATH",
    "LD_LIBRARY_PATH",
    "AWS_XRAY_CONTEXT_MISSING",
    "AWS_XRAY_DAEMON_ADDRESS",
}
# Not among the documented reserved names, and set by Lambda all the same.
UNLISTED = {"AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL"}


MINE: Any = "mine"


def runtime(identifier: str = "python3.12", prefix: str = "/data/python") -> Runtime:
    family = next(
        name
        for name in ("python", "nodejs", "provided", "ruby", "java")
        if identifier.startswith(name)
    )
    release = identifier.removeprefix(family).removesuffix(".x").removeprefix(".")
    interpreter = Interpreter(
        executable=Path(prefix, "bin/program"), prefix=Path(prefix), version=f"{release}.1"
    )
    return Runtime(
        identifier=identifier,
        family=family,
        release=release,
        operating_system="Amazon Linux 2023",
        interpreter=None if family == "provided" else interpreter,
    )


def variables(
    of: Runtime,
    initialization_type: InitializationType = "on-demand",
    logging: LoggingConfiguration = DEFAULT_LOGGING,
    **environment: str,
) -> dict[str, str]:
    version = function_version(
        region="eu-west-1",
        name="orders",
        version="7",
        runtime=of.identifier,
        handler="main.handler",
        memory_mib=256,
        environment=environment,
        logging=logging,
    )
    return defined_variables(
        version,
        of,
        log_stream="2026/01/31/[7]0123",
        runtime_api="127.0.0.1:9001",
        credentials=CREDENTIALS,
        initialization_type=initialization_type,
    )


def test_a_python_function_has_lambdas_variables():
    found = variables(runtime())
    assert found == {
        "_HANDLER": "main.handler",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
        "AWS_LAMBDA_FUNCTION_NAME": "orders",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "7",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/orders",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/31/[7]0123",
        "AWS_LAMBDA_LOG_FORMAT": "Text",
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "very secret",
        "AWS_SESSION_TOKEN": "also secret",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:"
        "/var/task:/var/task/lib:/opt/lib",
        "PYTHONPATH": "/var/runtime",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
    }


def test_a_node_function_has_a_node_path():
    found = variables(runtime("nodejs22.x"))
    assert found["NODE_PATH"] == (
        "/opt/nodejs/node22/node_modules:/opt/nodejs/node_modules:"
        "/var/runtime/node_modules:/var/runtime:/var/task"
    )
    assert "PYTHONPATH" not in found


def test_a_ruby_function_finds_its_gems_and_its_layers_libraries():
    found = variables(runtime("ruby3.4"))
    assert found["GEM_PATH"] == "/var/task/vendor/bundle/ruby/3.4.0:/opt/ruby/gems/3.4.0"
    assert found["RUBYLIB"] == "/var/task:/var/runtime/lib:/opt/ruby/lib"


def test_a_java_function_has_no_search_path_in_a_variable():
    assert set(variables(runtime("java21"))) <= RESERVED | UNRESERVED | UNLISTED


@pytest.mark.parametrize("kind", ["provisioned-concurrency", "snap-start"])
def test_a_function_is_told_how_it_was_initialised(kind):
    found = variables(runtime(), initialization_type=kind)
    assert found["AWS_LAMBDA_INITIALIZATION_TYPE"] == kind


def test_a_function_is_told_how_to_log():
    logging = LoggingConfiguration(
        log_format="JSON", application_log_level="WARN", system_log_level="DEBUG", log_group="shop"
    )
    found = variables(runtime(), logging=logging)
    assert found["AWS_LAMBDA_LOG_FORMAT"] == "JSON"
    assert found["AWS_LAMBDA_LOG_LEVEL"] == "WARN"
    assert found["AWS_LAMBDA_LOG_GROUP_NAME"] == "shop"
    assert "AWS_LAMBDA_LOG_LEVEL" not in variables(runtime())


def test_a_custom_runtime_has_no_language():
    found = variables(runtime("provided.al2023"))
    assert "AWS_EXECUTION_ENV" not in found
    assert found["PATH"] == "/usr/local/bin:/usr/bin/:/bin:/opt/bin"
    assert found["LD_LIBRARY_PATH"].startswith("/lib64:")
    assert set(found) <= RESERVED | UNRESERVED | UNLISTED


def test_the_trace_header_waits_for_an_invocation():
    assert "_X_AMZN_TRACE_ID" not in variables(runtime())


@pytest.mark.parametrize("name", sorted(UNRESERVED | {"PYTHONPATH", "TABLE"}))
def test_a_function_may_set_what_is_not_reserved(name):
    assert variables(runtime(prefix="/usr"), **{name: MINE})[name] == MINE


def test_a_function_cannot_set_what_is_reserved():
    overridden = variables(runtime(), **dict.fromkeys(RESERVED, MINE))
    assert {name: overridden[name] for name in variables(runtime())} == variables(runtime())


def test_a_mounted_interpreter_keeps_its_own_libraries():
    found = variables(runtime(), LD_LIBRARY_PATH="/opt/own:/var/lang/lib")
    assert found["LD_LIBRARY_PATH"] == "/var/lang/lib:/opt/own"
