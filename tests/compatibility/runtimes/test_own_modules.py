"""A function's own modules come before the runtime's of the same name, however it was started."""

from __future__ import annotations

from tests.support.programs import two_nodes, two_pythons

WHERE = """
import sys
import {name}
import botocore.exceptions

def handler(event, context):
    return [{name}.__file__, botocore.exceptions.__file__, getattr({name}, "OWN", None)]
"""


@two_pythons
def test_own_copy_of_a_library_that_the_runtime_has(function, runtime):
    files = {"main.py": WHERE.format(name="jmespath"), "jmespath/__init__.py": "OWN = 1\n"}
    found = function(runtime, files).call()
    assert found == [
        "/var/task/jmespath/__init__.py",
        "/var/runtime/botocore/exceptions.py",
        1,
    ]


@two_pythons
def test_own_module_under_the_name_of_one_of_the_standard_library(function, runtime):
    files = {"main.py": WHERE.format(name="wave"), "wave.py": "OWN = 1\n"}
    assert function(runtime, files).call()[0] == "/var/task/wave.py"


@two_pythons
def test_own_module_under_a_name_that_only_the_sdk_has_imported(function, runtime):
    code = "import getpass\n\ndef handler(event, context):\n    return getpass.__file__\n"
    files = {"main.py": code, "getpass.py": "OWN = 1\n\ndef getuser():\n    pass\n"}
    assert function(runtime, files).call() == "/var/task/getpass.py"


@two_pythons
def test_names_of_the_platforms_own_modules_are_free(function, runtime):
    code = (
        "import stem, zygote\n\ndef handler(event, context):\n    return [stem.OWN, zygote.OWN]\n"
    )
    files = {"main.py": code, "stem.py": "OWN = 1\n", "zygote.py": "OWN = 2\n"}
    assert function(runtime, files).call() == [1, 2]


@two_pythons
def test_variables_that_are_read_at_the_start_work(function, runtime):
    code = "import sys\n\ndef handler(event, context):\n    return [sys.flags.optimize, sys.path[:2]]\n"
    variables = {"PYTHONOPTIMIZE": "1", "PYTHONPATH": "/var/task/more:/var/runtime"}
    deployed = function(runtime, {"main.py": code}, Environment={"Variables": variables})
    optimize, path = deployed.call()
    assert optimize == 1
    assert "/var/task" in path


@two_nodes
def test_node_options_work(function, runtime):
    code = "export const handler = async () => process.execArgv.length + process.title;\n"
    variables = {"NODE_OPTIONS": "--title=mine"}
    deployed = function(runtime, {"main.mjs": code}, Environment={"Variables": variables})
    assert deployed.call().endswith("mine")
