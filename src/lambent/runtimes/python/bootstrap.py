"""What a Python function's process runs: AWS's runtime interface client over our transport.

The search path is Lambda's: the function's code, then layers, then what the runtime brings
(https://docs.aws.amazon.com/lambda/latest/dg/python-package.html#python-package-searchpath), so
that a function's own copy of a library wins over the runtime's.
"""

import os
import sys


def main():
    run = _import_client()
    if "_HANDLER" not in os.environ:  # started ahead of any function (docs/design.md, D6)
        _wait_for_function()
    sys.path[:0] = _function_directories(os.environ["LAMBDA_TASK_ROOT"])
    run(os.environ["_HANDLER"])


def _import_client():
    """The function of AWS's client that runs a handler."""
    own_directory = os.path.dirname(os.path.abspath(__file__))
    runtime_directory = os.environ["LAMBDA_RUNTIME_DIR"]
    # While the client is imported only the runtime's own packages are in sight: a function may
    # bring an awslambdaric of its own, which must not be taken for this one.
    others = [p for p in sys.path[1:] if p != runtime_directory]
    sys.path[:] = [own_directory, runtime_directory, *others]
    import runtime_client  # noqa: F401  (found by awslambdaric in sys.modules)

    sys.path.remove(own_directory)
    run = _client(os.environ["AWS_LAMBDA_RUNTIME_API"])
    _forget("simplejson")
    return run


def _wait_for_function():
    """Be copied until told what to run; returns in a copy that was told."""
    own_directory = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, own_directory)
    before = set(sys.modules)
    import stem
    import zygote

    sys.path.remove(own_directory)
    preloaded = stem.preload() | (set(sys.modules) - before)
    _forget("stem")
    _forget("zygote")
    zygote.serve()
    stem.become_function(preloaded, _function_directories(os.environ["LAMBDA_TASK_ROOT"]))


def _function_directories(task_root):
    release = "python%d.%d" % sys.version_info[:2]
    return [task_root, "/opt/python/lib/%s/site-packages" % release, "/opt/python"]


def _client(address):
    """The function of AWS's client that runs a handler, whichever release of it there is."""
    from awslambdaric import bootstrap
    from awslambdaric.lambda_runtime_client import LambdaRuntimeClient

    if sys.version_info < (3, 9):  # its last client takes the address and makes the rest itself
        return lambda handler: bootstrap.run(os.getcwd(), handler, address)

    def run(handler):
        # Our transport needs no thread of its own for each `next`: it never blocks signal handlers.
        client = LambdaRuntimeClient(address, False)
        if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
            _offer_snapshots(client)
        bootstrap.run(handler, client)

    return run


def _offer_snapshots(client):
    """Let the client wait, when it is to be restored, where copies can be made of it."""
    own_directory = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, own_directory)
    import snapshot

    sys.path.remove(own_directory)
    _forget("snapshot")
    restore_here, transport = client.restore_next, sys.modules["runtime_client"]
    client.restore_next = lambda: snapshot.restore_next(restore_here, transport.disconnect)


def _forget(package):
    """Let the function import its own copy; the client keeps what it has."""
    for name in list(sys.modules):
        if name == package or name.startswith(package + "."):
            del sys.modules[name]


if __name__ == "__main__":
    main()
