"""A server killed while several callers change everything: what was answered is so, nothing half.

Each caller has functions of its own, and knows what is so of them after each answer; the one call
it was in when the server was killed has had its whole effect, or none. One more function is
everybody's: of that they only know what never may be.
"""

from __future__ import annotations

import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from random import Random
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, ConnectionError as NotConnected, HTTPClientError
from tests.support.control_plane_facts import Change, Facts, World, random_change
from tests.support.functions import zipped
from tests.support.server import ROLE, running_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CALLERS = 4
KILLS = 2
ANSWERS_BEFORE_KILL = (20, 80)
ALIASES = ("live", "next")
SETTLED = {"Delay": 0.01, "MaxAttempts": 2000}


@dataclass(slots=True)
class Common:
    """Everybody's function: what its callers were told."""

    published: list[str] = field(default_factory=list)  # in no order


@dataclass(slots=True)
class Caller:
    """What one thread does, and what it knows."""

    random: Random
    world: World
    common: Common
    in_flight: Change | None = None

    def change_until_killed(self, client: Any, answers: SimpleQueue[object]) -> None:
        with contextlib.suppress(NotConnected, HTTPClientError):
            while True:
                self.in_flight = random_change(self.world, self.random)
                self.acknowledge(call(client, self.in_flight))
                answers.put(self.in_flight)
                settle(client, self.world.names)
                change_common(client, self.random, self.common)

    def acknowledge(self, answer: dict[str, Any]) -> None:
        change = self.in_flight
        assert change is not None
        if change.operation == "publish_version":
            assert ("version", answer["FunctionName"], answer["Version"]) in change.facts
        for key in change.facts:
            if identifier := identifier_in(key[0], answer):
                self.world.ids[key] = identifier
        self.world.learn(change.applied(self.world.facts))
        self.in_flight = None

    def check(self, client: Any) -> None:
        """What is found is what was answered, with the call in flight or without it."""
        found = everything(client, self.world)
        before = self.world.facts
        change = self.in_flight
        after = change.applied(before) if change else before
        wrong = difference(before, found)
        assert not wrong or not difference(after, found), (change, wrong)
        self.world.learn(found)
        self.in_flight = None


def call(client: Any, change: Change) -> dict[str, Any]:
    answer: dict[str, Any] = getattr(client, change.operation)(**change.parameters)
    return answer


def difference(expected: Facts, found: Facts) -> dict[Any, Any]:
    return {
        key: (expected.get(key), found.get(key))
        for key in expected.keys() | found.keys()
        if expected.get(key) != found.get(key)
    }


def identifier_in(kind: str, answer: dict[str, Any]) -> str | None:
    if kind == "mapping":
        return answer.get("UUID")
    if kind == "code signing":
        config = answer.get("CodeSigningConfig", {})
        arn: str | None = config.get("CodeSigningConfigArn")
        return arn
    return None


# What is so


def asked(operation: Any, **parameters: Any) -> dict[str, Any]:
    """The answer; nothing when there is no such thing."""
    try:
        answer: dict[str, Any] = operation(**parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return {}
    return answer


def settle(client: Any, names: list[str]) -> None:
    for name in names:
        if asked(client.get_function_configuration, FunctionName=name):
            client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=SETTLED)
            client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=SETTLED)


def everything(client: Any, world: World) -> Facts:
    """What is so of a caller's functions and other resources; learns their identifiers."""
    mappings = client.list_event_source_mappings()["EventSourceMappings"]
    configs = client.list_code_signing_configs()["CodeSigningConfigs"]
    found: Facts = {}
    for mapping in mappings:
        name = mapping["EventSourceArn"].rpartition(":")[2]
        if name in world.names:
            assert ("mapping", name) not in found
            found["mapping", name] = mapping["BatchSize"]
            world.ids["mapping", name] = mapping["UUID"]
    for config in configs:
        [profile] = config["AllowedPublishers"]["SigningProfileVersionArns"]
        name = profile.rpartition("/")[2]
        if name.startswith(f"{world.prefix}_"):
            assert ("code signing", name) not in found
            found["code signing", name] = config["Description"]
            world.ids["code signing", name] = config["CodeSigningConfigArn"]
    names = {config["CodeSigningConfigArn"]: config for config in configs}
    for name in world.names:
        attached = asked(client.get_function_code_signing_config, FunctionName=name)
        if arn := attached.get("CodeSigningConfigArn"):
            [profile] = names[arn]["AllowedPublishers"]["SigningProfileVersionArns"]
            found["attached", name] = profile.rpartition("/")[2]
        found |= of_function(client, name)
    return found


def of_function(client: Any, name: str) -> Facts:
    function = asked(client.get_function, FunctionName=name)
    found: Facts = {("tag", name, key): tag for key, tag in function.get("Tags", {}).items()}
    if function:
        found["function", name] = code_of(function["Configuration"])
    if "Concurrency" in function:
        found["reserved", name] = function["Concurrency"]["ReservedConcurrentExecutions"]
    versions = asked(client.list_versions_by_function, FunctionName=name).get("Versions", [])
    for version in versions[1:]:
        found["version", name, version["Version"]] = code_of(version)
    for alias in asked(client.list_aliases, FunctionName=name).get("Aliases", []):
        found["alias", name, alias["Name"]] = (alias["FunctionVersion"], alias["Description"])
    return found | belongings(client, name)


def code_of(configuration: dict[str, Any]) -> tuple[str, str]:
    return configuration["Description"], configuration["CodeSha256"]


def belongings(client: Any, name: str) -> Facts:
    """What qualifiers have, also those that are not there."""
    configs = asked(client.list_function_event_invoke_configs, FunctionName=name)
    found: Facts = {
        ("event invoke", name, qualifier_in(config)): config["MaximumRetryAttempts"]
        for config in configs.get("FunctionEventInvokeConfigs", [])
    }
    urls = asked(client.list_function_url_configs, FunctionName=name)
    for url in urls.get("FunctionUrlConfigs", []):
        found["url", name, qualifier_in(url)] = url["AuthType"]
    for qualifier in ("", *ALIASES, *map(str, range(1, 10))):
        parameters = {"FunctionName": name, **({"Qualifier": qualifier} if qualifier else {})}
        policy = json.loads(asked(client.get_policy, **parameters).get("Policy", "{}"))
        for statement in policy.get("Statement", []):
            key = ("statement", name, qualifier, statement["Sid"])
            assert key not in found
            found[key] = statement["Principal"]["Service"]
    return found


def qualifier_in(owned: dict[str, Any]) -> str:
    qualifier = "".join(owned["FunctionArn"].split(":")[7:])
    return "" if qualifier == "$LATEST" else qualifier


# Everybody's function


def create_common(client: Any) -> None:
    package = zipped({"lambda_function.py": "# everybody's"})
    client.create_function(
        FunctionName="common",
        Runtime="python3.11",
        Handler="lambda_function.handler",
        Role=ROLE,
        Code={"ZipFile": package},
    )
    settle(client, ["common"])


def change_common(client: Any, random: Random, common: Common) -> None:
    """Something that others may have made impossible meanwhile."""
    function = {"FunctionName": "common"}
    alias = random.choice(ALIASES)
    version = random.choice(common.published[-3:] or ["1"])
    calls: list[tuple[Any, dict[str, Any]]] = [
        (client.update_function_configuration, {"Description": str(random.random())}),
        (client.publish_version, {}),
        (client.delete_function, {"Qualifier": version}),
        (client.create_alias, {"Name": alias, "FunctionVersion": version}),
        (client.update_alias, {"Name": alias, "FunctionVersion": version}),
        (client.delete_alias, {"Name": alias}),
        (
            client.put_function_event_invoke_config,
            {"Qualifier": random.choice([alias, version]), "MaximumRetryAttempts": 1},
        ),
        (client.create_function_url_config, {"Qualifier": alias, "AuthType": "NONE"}),
        (
            client.add_permission,
            {
                "Qualifier": random.choice([alias, version]),
                "StatementId": "s",
                "Action": "lambda:InvokeFunction",
                "Principal": "s3.amazonaws.com",
            },
        ),
    ]
    operation, parameters = random.choice(calls)
    try:
        answer = operation(**function, **parameters)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (404, 409):
            raise
        return
    if operation == client.publish_version:
        common.published.append(answer["Version"])


def check_common(client: Any, common: Common) -> None:
    found = of_function(client, "common")
    there = {key[2] for key in found if key[0] in ("version", "alias")} | {""}
    for key, what in found.items():
        if key[0] == "alias":
            assert isinstance(what, tuple)
            assert what[0] in there
        if key[0] in ("event invoke", "url", "statement"):
            assert key[2] in there, key
    # The next number follows all that were ever given away.
    client.update_function_configuration(FunctionName="common", Description="after")
    settle(client, ["common"])
    published = client.publish_version(FunctionName="common")["Version"]
    assert int(published) > max(map(int, common.published), default=0)
    common.published.append(published)


# The lives


@contextlib.contextmanager
def killed_at_work(data_dir: Path, callers: list[Caller], answers: int) -> Iterator[Any]:
    """A client of a server that, when the block ends, is killed in the middle of its callers' work.

    They had so many answers by then, or a few more.
    """
    given: SimpleQueue[object] = SimpleQueue()
    with running_server(data_dir) as server, ThreadPoolExecutor(CALLERS) as threads:
        client = server.client()
        yield client
        work = [threads.submit(each.change_until_killed, client, given) for each in callers]
        try:
            for _ in range(answers):
                given.get(timeout=30)
        finally:
            server.kill()
        for each in work:
            each.result()
    assert "Traceback" not in server.log.read_text()


def test_all_that_was_answered_is_so_after_a_kill_and_nothing_is_half_done(tmp_path):
    random = Random(20260131)
    common = Common()
    callers = [
        Caller(random=Random(number), world=World(prefix=f"c{number}"), common=common)
        for number in range(CALLERS)
    ]
    for kill in range(KILLS):
        answers = random.randint(*ANSWERS_BEFORE_KILL)
        with killed_at_work(tmp_path / "data", callers, answers) as client:
            if kill == 0:
                create_common(client)
            check_everything(client, callers, common)
    with running_server(tmp_path / "data") as server:
        check_everything(server.client(), callers, common)
    assert all(caller.world.count for caller in callers)


def check_everything(client: Any, callers: list[Caller], common: Common) -> None:
    settle(client, ["common", *(name for each in callers for name in each.world.names)])
    for each in callers:
        each.check(client)
    check_common(client, common)
