"""`python -m lambent.companion`: serves until its standard input ends, as it does with its parent.

The first line of that input is a JSON document of what the child is told (`Instructions`); what is
secret in it is on no command line and in no environment. When it answers requests it prints its
URL, one line; everything else it says goes to standard error.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from dataclasses import dataclass, field, fields

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import BaseWSGIServer, make_server

from lambent.companion import adapter, cloudformation, restraints
from lambent.companion.server_link import ServerLink


@dataclass(frozen=True, slots=True, kw_only=True)
class Instructions:
    """What the server tells its companion; a companion on its own is told nothing."""

    listening_descriptor: int | None = None  # of a socket of the parent's; None: a port of its own
    endpoint: str = ""  # the server's own URL
    secret: str = field(default="", repr=False)  # proves to the server that the companion calls
    callers_secret: str = field(default="", repr=False)  # which all requests must have; empty: none
    account_id: str = "000000000000"
    region: str = "us-east-1"
    time_factor: float = 1.0  # how many times faster than the clock schedules pass


def read_instructions(line: bytes) -> Instructions:
    """Members nobody knows are ignored."""
    told = json.loads(line or b"{}")
    known = {each.name for each in fields(Instructions)}
    return Instructions(**{name: value for name, value in told.items() if name in known})


def open_server(instructions: Instructions) -> BaseWSGIServer:
    """moto on the socket it was given, or on a free port of the loopback interface."""
    application = DomainDispatcherApplication(create_backend_app)
    secret = instructions.callers_secret
    return make_server(
        "127.0.0.1",
        0,
        restraints.only_with(secret, application) if secret else application,
        threaded=True,
        request_handler=MotoRequestHandler,
        fd=instructions.listening_descriptor,
    )


def main() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it has a line for each request
    instructions = read_instructions(sys.stdin.buffer.readline())
    restraints.install()
    if instructions.endpoint:  # on its own there are no functions, and nothing to adapt moto to
        link = ServerLink(url=instructions.endpoint, secret=instructions.secret)
        adapter.install(link, time_factor=instructions.time_factor)
        cloudformation.install(link).complete_soon()
    server = open_server(instructions)
    threading.Thread(target=server.serve_forever, name="companion", daemon=True).start()
    host, port = server.socket.getsockname()[:2]
    print(f"http://{host}:{port}", flush=True)  # noqa: T201  the parent reads it
    sys.stdin.buffer.read()
    # Nothing is put away: all it has is in memory, and requests may be at work in other threads.
    os._exit(0)


if __name__ == "__main__":
    main()
