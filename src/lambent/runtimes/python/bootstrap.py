"""What a Python function's process runs: AWS's runtime interface client over our transport.

The search path is Lambda's: the function's code, then layers, then what the runtime brings
(https://docs.aws.amazon.com/lambda/latest/dg/python-package.html#python-package-searchpath), so
that a function's own copy of a library wins over the runtime's.
"""

import os
import sys


def main():
    own_directory = os.path.dirname(os.path.abspath(__file__))
    runtime_directory = os.environ["LAMBDA_RUNTIME_DIR"]
    # While the client is imported only the runtime's own packages are in sight: a function may
    # bring an awslambdaric of its own, which must not be taken for this one.
    others = [p for p in sys.path[1:] if p != runtime_directory]
    sys.path[:] = [own_directory, runtime_directory, *others]
    import runtime_client  # noqa: F401  (found by awslambdaric in sys.modules)

    sys.path.remove(own_directory)
    run = _client(os.environ["AWS_LAMBDA_RUNTIME_API"])
    sys.path[:0] = _function_directories(os.environ["LAMBDA_TASK_ROOT"])
    _forget("simplejson")
    run(os.environ["_HANDLER"])


def _function_directories(task_root):
    release = "python%d.%d" % sys.version_info[:2]
    return [task_root, "/opt/python/lib/%s/site-packages" % release, "/opt/python"]


def _client(address):
    """The function of AWS's client that runs a handler, whichever release of it there is."""
    from awslambdaric import bootstrap
    from awslambdaric.lambda_runtime_client import LambdaRuntimeClient

    if sys.version_info < (3, 9):  # its last client takes the address and makes the rest itself
        return lambda handler: bootstrap.run(os.getcwd(), handler, address)
    # Our transport needs no thread of its own for each `next`: it never blocks signal handlers.
    return lambda handler: bootstrap.run(handler, LambdaRuntimeClient(address, False))


def _forget(package):
    """Let the function import its own copy; the client keeps what it has."""
    for name in list(sys.modules):
        if name == package or name.startswith(package + "."):
            del sys.modules[name]


if __name__ == "__main__":
    main()
