"""`lambent gateway`: the Invoke API in front of a message broker with many functions behind it."""

from __future__ import annotations

import functools
import os

import click

from lambent.cli.emulator_commands import begin, serve_until_told

_EPILOG = """\b
Settings are environment variables, by the names of lambda-runtime-api-daemon's lambda-server:
  AMQP_URI                        of the broker; amqp://guest:guest@localhost:5672?heartbeat=0
  AMQP_USERNAME, AMQP_PASSWORD    for a URI that names no user
  PORT                            of the Invoke API; 8080
  INVOKE_API_HOST                 its address; 0.0.0.0
  AWS_LAMBDA_FUNCTION_TIMEOUT     that an answer is waited for; 1800 seconds
  DRAIN_SECONDS                   for owed answers, when told to stop; 30
  LIMIT_SIZES                     false: events of more than 6 MB, too
  TIME_OUT_ANSWER                 aws, or as rie or daemon answer for a function that took too long
  AWS_ACCOUNT_ID, AWS_REGION      in ARNs; 012345678912, us-east-1
  ENABLE_OPENFAAS                 true: GET /_/health and /_/ready
  LOG_LEVEL                       debug, info, warning, error
  USE_STRUCTURED_LOGGING          true: log lines are JSON
docs/how-to/gateway.md tells more.

\b
Try it:
  pip install awslambdaric
  AMQP_URI=amqp://localhost lambent rie python3 -m awslambdaric echo.handler
  AMQP_URI=amqp://localhost PORT=8081 lambent gateway
  curl http://localhost:8081/2015-03-31/functions/echo/invocations -d '{"key": "value"}'
"""


@click.command(epilog=_EPILOG)
def gateway() -> None:
    """Pass Invoke calls on to functions behind an AMQP broker, and their answers back.

    A function is there when a queue of its name is: those that `lambent rie` declares where it has
    an AMQP_URI. The gateway has no state of its own. As many as are wanted run side by side.
    """
    from lambent.emulator.command_line import SettingsError
    from lambent.emulator.gateway_settings import load_gateway_settings

    try:
        settings = load_gateway_settings(os.environ)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    begin(settings, uses_broker=True)

    from lambent.emulator.gateway import serve_gateway

    serve_until_told(functools.partial(serve_gateway, settings))
