"""The developer guide's "Create and use a wrapper script with Python 3.8", by command.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.functions import WHOLE_CPU, deploy, zipped
from tests.support.programs import require_runtime
from tests.support.waiting import wait_logged

if TYPE_CHECKING:
    from tests.support.server import RunningServer

# As the guide prints it.
IMPORTTIME_WRAPPER = """\
#!/bin/bash

# the path to the interpreter and all of the originally intended arguments
args=("$@")

# the extra options to pass to the interpreter
extra_args=("-X" "importtime")

# insert the extra options
args=("${args[@]:0:$#-1}" "${extra_args[@]}" "${args[@]: -1}")

# start the runtime with the extra options
exec "${args[@]}"
"""
FUNCTION = """\
import json

def lambda_handler(event, context):
    # TODO implement
    return {
        'statusCode': 200,
        'body': json.dumps('Hello from Lambda!')
    }
"""
SETTING_WRAPPER = '#!/bin/bash\nexport WRAPPED="by a script"\nexec "$@"\n'


@pytest.mark.parametrize("runtime", ["python3.8", "python3.13"])
def test_the_logs_show_the_time_of_each_import(server: RunningServer, runtime: str) -> None:
    require_runtime(runtime)
    layer = server.client().publish_layer_version(
        LayerName=f"wrapper-{runtime.replace('.', '-')}",
        Content={
            "ZipFile": zipped(
                {"importtime_wrapper": IMPORTTIME_WRAPPER}, executable=("importtime_wrapper",)
            )
        },
    )
    function = deploy(
        server,
        FUNCTION,
        runtime=runtime,
        handler="lambda_function.lambda_handler",
        Layers=[layer["LayerVersionArn"]],
        Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/importtime_wrapper"}},
        **WHOLE_CPU,
    )
    assert function.call() == {"statusCode": 200, "body": '"Hello from Lambda!"'}
    lines = [line.split() for line in wait_logged(function, "REPORT")]
    assert any(line[:2] == ["import", "time:"] and line[-1] == "simplejson" for line in lines)


def test_a_wrapper_of_the_package_prepares_nodes_environment(server: RunningServer) -> None:
    require_runtime("nodejs22.x")
    function = deploy(
        server,
        {
            "index.mjs": "export const handler = async () => process.env.WRAPPED;\n",
            "wrapper": SETTING_WRAPPER,
        },
        runtime="nodejs22.x",
        handler="index.handler",
        Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrapper"}},
        **WHOLE_CPU,
    )
    assert function.fail()["errorType"] == "Runtime.ExitError"  # it has no permission to run
    server.client().update_function_code(
        FunctionName=function.name,
        ZipFile=zipped(
            {
                "index.mjs": "export const handler = async () => process.env.WRAPPED;\n",
                "wrapper": SETTING_WRAPPER,
            },
            executable=("wrapper",),
        ),
    )
    assert function.call() == "by a script"
