"""`lambent rie`: one function from a command or a bootstrap, with nothing installed around it."""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import logging
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import click

from lambent.sandbox import signals

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

logger = logging.getLogger("lambent.emulator")

# What follows is the function's command, its own options too.
_PASSED_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}

_EPILOG = """\b
Settings are environment variables, by the names of AWS's runtime interface emulator and of
lambda-runtime-api-daemon:
  PORT                            of the Invoke API; 8080
  INVOKE_API_HOST                 its address; 0.0.0.0
  RUNTIME_API_PORT                of the Runtime API on 127.0.0.1; 9001
  AWS_LAMBDA_FUNCTION_NAME        what stands before the dot of HANDLER
  AWS_LAMBDA_FUNCTION_TIMEOUT     3 seconds
  AWS_LAMBDA_FUNCTION_IDLETIMEOUT until an idle process is ended; 1800 seconds
  MAX_CONCURRENCY                 processes that may run at once; 1
  AMQP_URI                        of a broker to take requests from, too
  PRINT_REPORTS                   true: START, END and REPORT lines
  LOG_LEVEL                       debug, info, warning, error
docs/how-to/rie.md has all of them.

\b
Try it:
  pip install awslambdaric
  lambent rie python3 -m awslambdaric app.handler
  curl http://localhost:8080/2015-03-31/functions/function/invocations -d '{"key": "value"}'
"""


@click.command(context_settings=_PASSED_ON, epilog=_EPILOG)
@click.option(
    "--runtime-interface-emulator-address",
    metavar="HOST:PORT",
    help="Of the Invoke API. This and the next two may stand anywhere, as in AWS's emulator.",
)
@click.option("--runtime-api-address", metavar="HOST:PORT", help="Of the Runtime API.")
@click.option("--log-level", metavar="LEVEL", help="In place of LOG_LEVEL.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[COMMAND... HANDLER]")
def rie(command: tuple[str, ...], **flags: str | None) -> None:
    """Serve one function as AWS's runtime interface emulator does, and better.

    COMMAND starts the function's runtime, and HANDLER is its last argument; of one argument alone,
    the variable _HANDLER says the handler. Without any, the bootstrap in /var/task, /opt or
    /var/runtime is run.
    """
    if "KUBERNETES_INIT_CONTAINER" in os.environ:
        raise click.ClickException(
            "KUBERNETES_INIT_CONTAINER is set, and only the single file that `make rie` builds can "
            "copy itself."
        )
    given = [f"--{name.replace('_', '-')}={value}" for name, value in flags.items() if value]
    serve_function([*given, *command])


def serve_function(arguments: Sequence[str]) -> NoReturn:
    """Be the emulator, until it is told to stop, and exit."""
    from lambent.emulator.command_line import SettingsError
    from lambent.emulator.settings import load_settings

    try:
        settings = load_settings(arguments, os.environ)
    except SettingsError as error:
        _fail(str(error))
    begin(settings, uses_broker=settings.amqp is not None)

    from lambent.emulator.emulator import serve

    serve_until_told(functools.partial(serve, settings))


class _Told(Protocol):
    """What settings tell of logs."""

    @property
    def log_level(self) -> str: ...
    @property
    def structured_logging(self) -> bool: ...
    @property
    def warnings(self) -> tuple[str, ...]: ...


def begin(settings: _Told, *, uses_broker: bool) -> None:
    """What comes before everything else, once settings are read: from here on there is a log."""
    from lambent.emulator.logs import log_to_stderr
    from lambent.emulator.started_with import hide_secrets

    hide_secrets()  # before there is anybody they are kept from
    if uses_broker and importlib.util.find_spec("aio_pika") is None:
        _fail("AMQP_URI is set, and a message broker needs more: pip install 'lambent[amqp]'.")
    log_to_stderr(settings.log_level, is_structured=settings.structured_logging)
    for warning in settings.warnings:
        logger.warning("%s", warning)
    signals.catch_ignored()


def serve_until_told(
    serve: Callable[[Callable[[str], None]], Coroutine[Any, Any, None]],
) -> NoReturn:
    """Run `serve`, which gets what to call with its URL, and exit as it ends."""
    import uvloop

    from lambent.server.listening import AddressInUse

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(lambda url: logger.info("Invoke API listening on %s", url)))
    except AddressInUse as error:
        _fail(str(error))
    except ExceptionGroup as failures:
        from lambent.emulator.amqp.connection import BrokerUnreachable

        unreachable, others = failures.split(BrokerUnreachable)
        if others is not None or unreachable is None:
            raise
        _fail(str(_first(unreachable)))
    sys.exit(0)


def _first(failures: BaseExceptionGroup[Exception]) -> BaseException:
    [failure, *_] = failures.exceptions
    return _first(failure) if isinstance(failure, BaseExceptionGroup) else failure


def _fail(sentence: str) -> NoReturn:
    click.echo(f"Error: {sentence}", err=True)
    sys.exit(1)
