"""Languages whose runtime interface client is Lambent's own, through a running server."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.functions import WHOLE_CPU, deploy, zipped
from tests.support.programs import require_runtime
from tests.support.server import running_server
from tests.support.waiting import wait_logged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.server import RunningServer

JAR = Path(__file__).parent.parent / "support/java/handlers.jar"
RUBY = shutil.which("ruby")
PER_TENANT = {"TenantIsolationMode": "PER_TENANT"}
RUBY_SOURCE = """
require "logger"

def handler(event:, context:)
  Logger.new($stdout).info("two\\nlines")
  raise ArgumentError, "no name" unless event["name"]

  { greeting: "Hello #{event["name"]}", request: context.aws_request_id, layer: layer }
end

def layer
  require "from_a_layer"
  FromALayer::TEXT
rescue LoadError
  nil
end
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose operator chose the machine's own Ruby, whatever its release."""
    options = ("--interpreters", f"ruby3.2={RUBY}") if RUBY else ()
    with running_server(tmp_path_factory.mktemp("languages") / "data", *options) as running:
        yield running


@pytest.mark.parametrize("runtime", ["java11", "java17", "java21", "java25"])
def test_java_functions_run_from_a_jar(server, runtime):
    require_runtime(runtime)
    function = deploy(
        server,
        {"lib/handlers.jar": JAR.read_bytes()},
        runtime=runtime,
        handler="handlers.Greeting",
        Timeout=20,
        **WHOLE_CPU,
    )
    answer = function.invoke({"name": "Ada"}, LogType="Tail")
    said = json.loads(answer["Payload"].read())
    assert said["greeting"] == "Hello Ada"
    assert said["requestId"] == answer["ResponseMetadata"]["RequestId"]
    assert said["java"] == runtime.removeprefix("java")
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert "printed\n" in tail
    assert "two\nlines\n" in tail


def test_a_java_function_is_told_its_tenant_and_logs_it(server):
    require_runtime("java21")
    function = deploy(
        server,
        {"lib/handlers.jar": JAR.read_bytes()},
        runtime="java21",
        handler="handlers.Greeting",
        Timeout=20,
        TenancyConfig=PER_TENANT,
        LoggingConfig={"LogFormat": "JSON"},
        **WHOLE_CPU,
    )
    assert function.call({"name": "Ada"}, TenantId="blue")["tenant"] == "blue"
    messages = wait_logged(function, "platform.report")
    documents = [json.loads(each) for each in messages if each.startswith("{")]
    [wanted] = [each for each in documents if each.get("message") == "wanted"]
    assert wanted["tenantId"] == "blue"


def test_a_java_version_with_snap_start_initialises_like_any_other(server):
    require_runtime("java21")
    function = deploy(
        server,
        {"lib/handlers.jar": JAR.read_bytes()},
        runtime="java21",
        handler="handlers.Greeting",
        Timeout=20,
        SnapStart={"ApplyOn": "PublishedVersions"},
        Publish=True,
        **WHOLE_CPU,
    )
    function.client.get_waiter("published_version_active").wait(
        FunctionName=function.name,
        Qualifier="1",
        WaiterConfig={"Delay": 0.05, "MaxAttempts": 600},
    )
    assert function.call({"name": "Ada"}, Qualifier="1")["greeting"] == "Hello Ada"


def test_a_java_exception_is_a_function_error(server):
    require_runtime("java21")
    function = deploy(
        server,
        {"lib/handlers.jar": JAR.read_bytes()},
        runtime="java21",
        handler="handlers.Methods::fail",
        Timeout=20,
        **WHOLE_CPU,
    )
    error = function.fail({})
    assert error["errorType"] == "java.lang.IllegalStateException"
    assert error["errorMessage"] == "no such order"
    assert error["stackTrace"][0].startswith("handlers.Methods.fail(Methods.java:")


def test_java_finds_the_jars_of_layers(server):
    require_runtime("java21")
    layer = server.client().publish_layer_version(
        LayerName="jars",
        Content={"ZipFile": zipped({"java/lib/handlers.jar": JAR.read_bytes()})},
    )
    function = deploy(
        server,
        {"greeting.txt": "hello"},
        runtime="java21",
        handler="handlers.Methods::resource",
        Timeout=20,
        Layers=[layer["LayerVersionArn"]],
        **WHOLE_CPU,
    )
    assert function.call() == "found"


@pytest.mark.skipif(RUBY is None, reason="there is no ruby here: apt-get install ruby")
def test_ruby_functions_run_and_find_their_layers(server):
    layer = server.client().publish_layer_version(
        LayerName="library",
        Content={
            "ZipFile": zipped({"ruby/lib/from_a_layer.rb": "module FromALayer\nTEXT = 'hi'\nend\n"})
        },
    )
    function = deploy(
        server,
        {"main.rb": RUBY_SOURCE},
        runtime="ruby3.2",
        handler="main.handler",
        Layers=[layer["LayerVersionArn"]],
        **WHOLE_CPU,
    )
    answer = function.invoke({"name": "Ada"}, LogType="Tail")
    request = answer["ResponseMetadata"]["RequestId"]
    said = json.loads(answer["Payload"].read())
    assert said == {"greeting": "Hello Ada", "request": request, "layer": "hi"}
    assert f"INFO {request} -- : two\nlines\n" in base64.b64decode(answer["LogResult"]).decode()
    error = function.fail({})
    assert error["errorType"] == "Function<ArgumentError>"
    assert error["errorMessage"] == "no name"


@pytest.mark.skipif(RUBY is None, reason="there is no ruby here: apt-get install ruby")
def test_a_ruby_function_is_told_its_tenant(server):
    source = "def handler(event:, context:) = context.tenant_id\n"
    function = deploy(
        server,
        {"main.rb": source},
        runtime="ruby3.2",
        handler="main.handler",
        TenancyConfig=PER_TENANT,
        **WHOLE_CPU,
    )
    assert function.call(TenantId="blue") == "blue"
