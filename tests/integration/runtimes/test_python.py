"""What only Python functions do."""

from __future__ import annotations

import pytest

every = pytest.mark.parametrize("identifier", [f"python3.{minor}" for minor in range(8, 14)])


@every
def test_a_client_in_the_package_does_not_replace_the_runtimes(start, identifier):
    files = {
        "main.py": "def handler(event, context):\n    return 1\n",
        "awslambdaric/__init__.py": "raise SystemExit('the wrong one')\n",
        "runtime_client.py": "raise SystemExit('the wrong one')\n",
    }
    assert start(identifier, files).invoke({}).document == 1


@every
def test_packages_of_the_host_are_out_of_sight(start, identifier):
    source = """
def handler(event, context):
    try:
        import pip
    except ImportError:
        return None
    return pip.__file__
"""
    assert start(identifier, {"main.py": source}).invoke({}).document is None


@every
def test_the_standard_library_is_whole(start, identifier):
    source = """
import bz2, ctypes, decimal, hashlib, lzma, sqlite3, ssl, sys, uuid, zlib, zoneinfo_or_none
def handler(event, context):
    return sys.prefix
"""
    files = {"main.py": source, "zoneinfo_or_none.py": ""}
    prefix = start(identifier, files).invoke({}).document
    assert prefix in ("/var/lang", "/usr", "/usr/local")


@every
def test_a_function_may_set_its_own_library_path(start, identifier):
    source = "import os\ndef handler(event, context):\n    return os.environ['LD_LIBRARY_PATH']\n"
    variables = {"LD_LIBRARY_PATH": "/opt/own"}
    function = start(identifier, {"main.py": source}, variables=variables)
    assert function.invoke({}).document.endswith("/opt/own")


@every
def test_a_signal_is_handled_while_the_function_waits(start, identifier):
    source = """
import os, signal, threading

def handler(event, context):
    signal.signal(signal.SIGUSR1, lambda *_: os._exit(5))
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1)).start()
    return event
"""
    function = start(identifier, {"main.py": source})
    function.invoke("arm")
    assert function.wait() == 5


@every
def test_a_refused_response_ends_the_function_as_it_does_in_lambda(start, identifier):
    function = start(identifier, {"main.py": "def handler(event, context):\n    return event\n"})
    function.api.response_status = 413
    function.invoke(1)
    assert function.wait() == 1
    assert "Failed to post handler success response. Http response code: 413." in function.output
    assert "RuntimeError: Failed to post invocation response" in function.output


@every
def test_bytes_are_answered_as_they_are(start, identifier):
    source = "def handler(event, context):\n    return bytes(range(256))\n"
    answer = start(identifier, {"main.py": source}).invoke({})
    assert answer.body == bytes(range(256))
    assert answer.headers["content-type"] == "application/unknown"


@every
def test_an_enormous_traceback_is_posted(start, identifier):
    source = "def handler(event, context):\n    return handler(event, context)\n"
    answer = start(identifier, {"main.py": source}).invoke({})
    assert answer.document["errorType"] == "RecursionError"
