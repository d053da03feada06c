"""What `lambent gateway` is told: the environment variables of the original's lambda-server.

They are those of `lambent rie`, as far as they are of any use without a function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.emulator.command_line import SettingsError
from lambent.emulator.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.emulator.amqp.address import AmqpAddress
    from lambent.emulator.timed_out import TimeOutAnswer

_DEFAULTS = {
    "AMQP_URI": "amqp://guest:guest@localhost:5672?heartbeat=0",
    # An answer may have to wait for its turn: twice what AWS lets a function run, and as long as
    # RabbitMQ lets a consumer keep a request.
    "AWS_LAMBDA_FUNCTION_TIMEOUT": "1800",
    "AWS_LAMBDA_FUNCTION_NAME": "gateway",  # there is none to miss
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """Everything one gateway runs by, checked."""

    amqp: AmqpAddress
    host: str
    port: int  # 0: any
    reply_seconds: int  # that an answer is waited for
    drain_seconds: int  # for answers that are owed when the gateway is told to stop
    account_id: str
    region: str
    limits_sizes: bool  # of events, as Lambda does
    time_out_answer: TimeOutAnswer
    log_level: str  # a level of Python's
    structured_logging: bool
    openfaas: bool
    warnings: tuple[str, ...]  # to be logged first


def load_gateway_settings(environment: Mapping[str, str]) -> GatewaySettings:
    """Raises SettingsError with a sentence for whoever started it."""
    given = {name: value for name, value in environment.items() if value}
    read = load_settings((), {**_DEFAULTS, **given})
    if read.amqp is None:
        raise SettingsError("AMQP_URI names no broker, and without one a gateway is of no use.")
    return GatewaySettings(
        amqp=read.amqp,
        host=read.host,
        port=read.port,
        reply_seconds=read.timeout_seconds,
        drain_seconds=read.drain_seconds,
        account_id=read.account_id,
        region=read.region,
        limits_sizes=read.limits_sizes,
        time_out_answer=read.time_out_answer,
        log_level=read.log_level,
        structured_logging=read.structured_logging,
        openfaas=read.openfaas,
        warnings=read.warnings,
    )
