"""What functions find under /opt."""

from __future__ import annotations

import itertools

import pytest
from tests.support.functions import zipped
from tests.support.server import newest_runtime

_numbers = itertools.count()

BOOTSTRAP = """#!/bin/bash
set -eu
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while true; do
  curl -sS -D /tmp/head -o /tmp/event "$api/next"
  id="$(grep -Fi Lambda-Runtime-Aws-Request-Id /tmp/head | tr -d '[:space:]' | cut -d: -f2)"
  source "$LAMBDA_TASK_ROOT/answer.sh" > /tmp/answer
  curl -sS -o /dev/null "$api/$id/response" --data-binary @/tmp/answer
done
"""
READ_ALL = """
import os

def handler(event, context):
    found = {}
    for directory, _, names in os.walk("/opt"):
        for name in names:
            path = os.path.join(directory, name)
            with open(path) as file:
                found[path] = file.read()
    return found
"""


@pytest.fixture
def layer(server):
    """Publishes a layer of these files and answers its ARN."""

    def publish(files, executable=("bootstrap",)):
        answer = server.client().publish_layer_version(
            LayerName=f"layer-{next(_numbers)}", Content={"ZipFile": zipped(files, executable)}
        )
        return answer["LayerVersionArn"]

    return publish


def update(deployed, **settings):
    deployed.client.update_function_configuration(FunctionName=deployed.name, **settings)
    deployed.client.get_waiter("function_updated_v2").wait(
        FunctionName=deployed.name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600}
    )


def test_layers_are_merged_in_order(function, layer):
    first = layer({"a": "1", "both": "1", "turned/into/file": "1"})
    second = layer({"b": "2", "both": "2", "turned": "2"})
    deployed = function(READ_ALL, Layers=[first, second])
    expected = {"/opt/a": "1", "/opt/b": "2", "/opt/both": "2", "/opt/turned": "2"}
    assert deployed.call() == expected
    update(deployed, Layers=[second, first])
    expected = {"/opt/a": "1", "/opt/b": "2", "/opt/both": "1", "/opt/turned/into/file": "1"}
    assert deployed.call() == expected
    update(deployed, Layers=[])
    assert deployed.call() == {}


def test_nothing_can_be_written_there(function, layer):
    deployed = function(
        "import os\n"
        "def handler(event, context):\n"
        "    try:\n"
        "        open('/opt/file', 'w')\n"
        "    except OSError as error:\n"
        "        return os.strerror(error.errno)\n",
        Layers=[layer({"file": "x"})],
    )
    assert deployed.call() in ("Read-only file system", "Permission denied")


def test_a_deleted_layer_serves_its_functions_on(function, layer, server):
    arn = layer({"file": "still here"})
    deployed = function(READ_ALL, Layers=[arn])
    *_, name, number = arn.split(":")
    server.client().delete_layer_version(LayerName=name, VersionNumber=int(number))
    assert deployed.call() == {"/opt/file": "still here"}
    update(deployed, Timeout=9)  # a new environment
    assert deployed.call() == {"/opt/file": "still here"}


def test_python_imports_from_a_layer(function, layer):
    runtime = newest_runtime("python")
    release = runtime.removeprefix("python")
    arn = layer(
        {
            "python/tools.py": "WHO = 'python'",
            f"python/lib/python{release}/site-packages/more_tools.py": "WHO = 'site-packages'",
        }
    )
    deployed = function(
        "import more_tools, tools\n"
        "def handler(event, context):\n"
        "    return [tools.WHO, more_tools.WHO]\n",
        runtime=runtime,
        Layers=[arn],
    )
    assert deployed.call() == ["python", "site-packages"]


def test_the_functions_own_module_comes_before_the_layers(function, layer):
    arn = layer({"python/tools.py": "WHO = 'the layer'"})
    files = {
        "tools.py": "WHO = 'the function'",
        "lambda_function.py": "import tools\ndef handler(event, context): return tools.WHO\n",
    }
    assert function(files, Layers=[arn]).call() == "the function"


def test_node_requires_from_a_layer(function, layer):
    runtime = newest_runtime("nodejs")
    major = runtime.removeprefix("nodejs").removesuffix(".x")
    arn = layer(
        {
            "nodejs/node_modules/tools/index.js": "exports.who = 'node_modules'",
            f"nodejs/node{major}/node_modules/more-tools/index.js": "exports.who = 'release'",
        }
    )
    deployed = function(
        {
            "index.js": "const tools = require('tools'), more = require('more-tools')\n"
            "exports.handler = async () => [tools.who, more.who]\n"
        },
        runtime=runtime,
        handler="index.handler",
        Layers=[arn],
    )
    assert deployed.call() == ["node_modules", "release"]


def test_programs_and_libraries_of_a_layer_are_found(function, layer):
    arn = layer(
        {"bin/greet": "#!/bin/sh\necho hello from a layer\n", "lib/libnothing.so": "x"},
        executable=("bin/greet",),
    )
    deployed = function(
        "import os, subprocess\n"
        "def handler(event, context):\n"
        "    said = subprocess.run(['greet'], capture_output=True, text=True).stdout\n"
        "    return [said.strip(), '/opt/lib' in os.environ['LD_LIBRARY_PATH'].split(':')]\n",
        Layers=[arn],
    )
    assert deployed.call() == ["hello from a layer", True]


def test_a_layer_can_be_the_runtime(function, layer):
    arn = layer({"bootstrap": BOOTSTRAP})
    deployed = function(
        {"answer.sh": "echo '\"a layer answers\"'"},
        runtime="provided.al2023",
        handler="answer",
        Layers=[arn],
    )
    assert deployed.call() == "a layer answers"


def test_the_packages_bootstrap_comes_before_the_layers(function, layer):
    arn = layer({"bootstrap": "#!/bin/sh\nexit 1\n"})
    deployed = function(
        {"bootstrap": BOOTSTRAP.replace('source "$LAMBDA_TASK_ROOT/answer.sh"', "echo 1")},
        runtime="provided.al2023",
        handler="answer",
        Layers=[arn],
    )
    assert deployed.call() == 1
