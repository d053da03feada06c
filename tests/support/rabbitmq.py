"""A real RabbitMQ for tests: a node of their own on free ports, in a directory of their own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pika
import pytest
from tests.support.ports import free_ports, is_listened_to
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pika.adapters.blocking_connection import BlockingChannel

# Debian's commands of these names become the user `rabbitmq`, who may not write to our directory.
_PROGRAMS = Path("/usr/lib/rabbitmq/bin")
_START_SECONDS = 60
# The kernel's "parent" of pdeathsig is a thread, and a test may start a broker again in one that
# ends with the test. This one ends with all tests.
_STARTER = ThreadPoolExecutor(max_workers=1)

_CONFIGURATION = """
listeners.tcp.1 = 127.0.0.1:{amqp}
loopback_users = none
log.file = false
log.console = true
distribution.listener.interface = 127.0.0.1
distribution.listener.port_range.min = {distribution}
distribution.listener.port_range.max = {distribution}
"""


@dataclass
class Broker:
    """A RabbitMQ that can be stopped and started again; it keeps its port and what is durable."""

    directory: Path
    port: int
    epmd_port: int
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def uri(self, credentials: str = "guest:guest", **parameters: object) -> str:
        """Where it is, with parameters such as `heartbeat`; empty credentials are left out."""
        login = f"{credentials}@" if credentials else ""
        query = f"?{urlencode(parameters)}" if parameters else ""
        return f"amqp://{login}127.0.0.1:{self.port}/{query}"

    def start(self) -> None:
        with (self.directory / "broker.log").open("ab") as log:
            self.process = _STARTER.submit(
                subprocess.Popen,
                # Ends when the tests do, also when these are killed.
                ["setpriv", "--pdeathsig", "KILL", "--", str(_PROGRAMS / "rabbitmq-server")],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            ).result()
        eventually(self._is_up, "RabbitMQ to answer; see broker.log", _START_SECONDS)

    def stop(self) -> None:
        """Stop it in order: clients are told."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Let it vanish, as a machine that loses power does."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    @contextlib.contextmanager
    def started_again(self) -> Iterator[None]:
        """Whatever happens meanwhile, afterwards it runs."""
        try:
            yield
        finally:
            if self.process is None:
                self.start()

    def evaluate(self, expression: str) -> str:
        """What an Erlang expression is, in the node. `rabbitmqctl` would take seconds for it."""
        cookie = (self.directory / ".erlang.cookie").read_text()
        done = subprocess.run(
            ["erl_call", "-sname", self._node, "-c", cookie, "-e"],
            input=f"{expression}.\n",
            env=self._environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.startswith("{ok, "), done.stdout
        return done.stdout.removeprefix("{ok, ").rstrip().removesuffix("}")

    def add_user(self, name: str, password: str, *, may_write: str = ".*") -> None:
        """One that may do all else; `may_write` is an expression of names."""
        backend, by = "rabbit_auth_backend_internal", '<<"a test">>'
        self.evaluate(f'{backend}:add_user(<<"{name}">>, <<"{password}">>, {by})')
        permissions = f'<<".*">>, <<"{may_write}">>, <<".*">>'
        self.evaluate(f'{backend}:set_permissions(<<"{name}">>, <<"/">>, {permissions}, {by})')

    def change_password(self, name: str, password: str) -> None:
        self.evaluate(
            f'rabbit_auth_backend_internal:change_password(<<"{name}">>, <<"{password}">>, '
            '<<"a test">>)'
        )

    def close_connections(self) -> None:
        """As an operator does: clients are told, and may come again."""
        self.evaluate(
            '[rabbit_networking:close_connection(Each, "a test") '
            "|| Each <- rabbit_networking:connections()]"
        )

    def queue_settings(self, queue: str, *names: str) -> str:
        """As Erlang writes a list of pairs."""
        found = f'rabbit_amqqueue:lookup({{resource, <<"/">>, queue, <<"{queue}">>}})'
        return self.evaluate(
            f"begin {{ok, Queue}} = {found}, rabbit_amqqueue:info(Queue, [{', '.join(names)}]) end"
        )

    def consumer_settings(self, queue: str, *names: str) -> str:
        """The same, of the one consumer of a queue."""
        return self.evaluate(
            '[Consumer] = [Each || Each <- rabbit_amqqueue:consumers_all(<<"/">>), '
            f'element(4, proplists:get_value(queue_name, Each)) =:= <<"{queue}">>], '
            f"[{{Name, proplists:get_value(Name, Consumer)}} || Name <- [{', '.join(names)}]]"
        )

    def count_queue(self, queue: str) -> tuple[int, int] | None:
        """Messages that wait and consumers; None when there is no such queue."""
        with self.channel() as channel:
            try:
                declared = channel.queue_declare(queue, passive=True).method
            except pika.exceptions.ChannelClosedByBroker:
                return None
            return declared.message_count, declared.consumer_count

    def wait_consumers(self, queue: str, count: int = 1) -> None:
        """Wait until so many consume a queue."""
        eventually(
            lambda: (self.count_queue(queue) or (0, -1))[1] == count,
            f"{count} consumers of {queue}",
        )

    @contextlib.contextmanager
    def channel(self) -> Iterator[BlockingChannel]:
        """A channel of a client of the test's own."""
        with contextlib.closing(pika.BlockingConnection(pika.URLParameters(self.uri()))) as client:
            yield client.channel()

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(timeout=60)
            self.process = None

    def _is_up(self) -> bool:
        assert self.process is not None
        said = (self.directory / "broker.log").read_text(errors="replace")
        assert self.process.poll() is None, f"RabbitMQ did not start:\n{said[-4000:]}"
        try:
            with self.channel():
                return True
        except (pika.exceptions.AMQPError, OSError):
            return False

    @property
    def _node(self) -> str:
        return f"lambent-{self.port}@localhost"

    def _environment(self) -> Mapping[str, str]:
        here = self.directory
        return os.environ | {
            "HOME": str(here),  # where Erlang keeps its cookie
            "ERL_EPMD_PORT": str(self.epmd_port),
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_MNESIA_BASE": str(here / "mnesia"),
            "RABBITMQ_LOG_BASE": str(here / "log"),
            "RABBITMQ_CONFIG_FILE": str(here / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(here / "enabled_plugins"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            # The script becomes the broker then, instead of its parent that passes signals on.
            "RUNNING_UNDER_SYSTEMD": "true",
            # One scheduler that never spins: the processors are the tests'.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none",
        }


@contextlib.contextmanager
def running_broker(directory: Path) -> Iterator[Broker]:
    """A broker with nothing in it; the test is skipped where RabbitMQ is not installed."""
    epmd = shutil.which("epmd")
    if not (_PROGRAMS / "rabbitmq-server").exists() or epmd is None:
        pytest.skip("RabbitMQ is not installed: apt-get install rabbitmq-server")
    amqp, distribution, epmd_port = free_ports(3)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "rabbitmq.conf").write_text(
        _CONFIGURATION.format(amqp=amqp, distribution=distribution)
    )
    (directory / "enabled_plugins").write_text("[].")
    # A node starts a daemon for its name where it finds none, and leaves it behind: this is ours.
    command = ["setpriv", "--pdeathsig", "KILL", "--", epmd]
    names = subprocess.Popen(
        [*command, "-port", str(epmd_port), "-address", "127.0.0.1"], stderr=subprocess.DEVNULL
    )
    broker = Broker(directory, amqp, epmd_port)
    try:
        eventually(lambda: is_listened_to(epmd_port), "epmd to listen")
        broker.start()
        yield broker
    finally:
        broker.kill()
        names.kill()
        names.wait()


def publish(channel: BlockingChannel, queue: str, body: bytes, **properties: Any) -> None:
    """Put a request into a function's queue."""
    channel.basic_publish("", queue, body, pika.BasicProperties(**properties))
