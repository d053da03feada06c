"""What a control plane was told and is asked: facts, the changes that make them, how they are read.

A fact is a key such as ("alias", "greet", "live") with what is so of it. Identifiers that the
server gives are not in it, so that the facts after a change are known before it is answered.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.functions import zipped
from tests.support.server import ROLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

Fact = tuple[str, ...]
Facts = dict[Fact, Any]

_SID_COUNT = 2
_PUBLISHER = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/"
_QUEUE = "arn:aws:sqs:us-east-1:000000000000:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A call, and the facts after it; None for what is not there any more."""

    operation: str  # the client's name for it
    parameters: dict[str, Any]
    facts: dict[Fact, object]

    def applied(self, facts: Facts) -> Facts:
        return {key: what for key, what in {**facts, **self.facts}.items() if what is not None}


@dataclass(slots=True)
class World:
    """One caller's own functions and other resources, whose names begin with `prefix`."""

    prefix: str
    facts: Facts = field(default_factory=dict)
    next_versions: dict[str, int] = field(default_factory=dict)
    ids: dict[Fact, str] = field(default_factory=dict)  # that the server gave to resources
    count: int = 0  # of what was ever made: no two changes make the same

    @property
    def names(self) -> list[str]:
        return [f"{self.prefix}-{number}" for number in range(2)]

    def new(self) -> str:
        self.count += 1
        return f"{self.prefix} {self.count}"

    def of(self, kind: str, *owner: str) -> list[Fact]:
        return [key for key in sorted(self.facts) if key[: 1 + len(owner)] == (kind, *owner)]

    def next_version(self, name: str) -> str:
        return str(self.next_versions.get(name, 1))

    def learn(self, facts: Facts) -> None:
        """Take over what is so. Numbers of versions that were deleted are not forgotten."""
        self.facts = facts
        for _, name, version in self.of("version"):
            self.next_versions[name] = max(int(self.next_version(name)), int(version) + 1)


def random_change(world: World, random: Random) -> Change:
    """One that the server has no reason to refuse."""
    name = random.choice(world.names)
    if ("function", name) not in world.facts:
        return _create_function(world, random, name)
    while (change := random.choice(_CHANGES)(world, random, name)) is None:
        pass
    return change


def _code(text: str) -> tuple[bytes, str]:
    """A package, and its hash as Lambda has it."""
    package = zipped({"lambda_function.py": f"# {text}"})
    return package, base64.b64encode(hashlib.sha256(package).digest()).decode()


def _create_function(world: World, random: Random, name: str) -> Change:
    description = world.new()
    package, sha256 = _code(description)
    parameters: dict[str, Any] = {
        "FunctionName": name,
        "Runtime": "python3.11",
        "Handler": "lambda_function.handler",
        "Role": ROLE,
        "Code": {"ZipFile": package},
        "Description": description,
        "Tags": {"made": description},
    }
    facts: Facts = {
        ("function", name): (description, sha256),
        ("tag", name, "made"): description,
    }
    if random.random() < 0.5:
        parameters["Publish"] = True
        facts["version", name, world.next_version(name)] = (description, sha256)
    if configs := world.of("code signing"):
        config = random.choice(configs)
        parameters["CodeSigningConfigArn"] = world.ids[config]
        facts["attached", name] = config[1]
    return Change(operation="create_function", parameters=parameters, facts=facts)


def _update_configuration(world: World, random: Random, name: str) -> Change:
    description = world.new()
    _, sha256 = _latest(world, name)
    return Change(
        operation="update_function_configuration",
        parameters={"FunctionName": name, "Description": description},
        facts={("function", name): (description, sha256)},
    )


def _latest(world: World, name: str) -> tuple[str, str]:
    latest: tuple[str, str] = world.facts["function", name]
    return latest


def _update_code(world: World, random: Random, name: str) -> Change:
    package, sha256 = _code(world.new())
    latest = (_latest(world, name)[0], sha256)
    facts: Facts = {("function", name): latest}
    is_published = random.random() < 0.5
    if is_published:
        facts["version", name, world.next_version(name)] = latest
    return Change(
        operation="update_function_code",
        parameters={"FunctionName": name, "ZipFile": package, "Publish": is_published},
        facts=facts,
    )


def _publish(world: World, random: Random, name: str) -> Change | None:
    number = world.next_version(name)
    latest = _latest(world, name)
    if world.facts.get(("version", name, str(int(number) - 1))) == latest:
        return None  # nothing has changed since: there would be no new version
    return Change(
        operation="publish_version",
        parameters={"FunctionName": name},
        facts={("version", name, number): latest},
    )


def _belongings(world: World, name: str, qualifier: str) -> dict[Fact, None]:
    """What goes with a version or an alias."""
    kinds = ("statement", "event invoke", "url")
    return {key: None for kind in kinds for key in world.of(kind, name, qualifier)}


def _delete_version(world: World, random: Random, name: str) -> Change | None:
    aliases: Any = [world.facts[alias] for alias in world.of("alias", name)]
    used = {version for version, _ in aliases}
    unused = [key[2] for key in world.of("version", name) if key[2] not in used]
    if not unused:
        return None
    number = random.choice(unused)
    return Change(
        operation="delete_function",
        parameters={"FunctionName": name, "Qualifier": number},
        facts={("version", name, number): None, **_belongings(world, name, number)},
    )


def _delete_function(world: World, random: Random, name: str) -> Change | None:
    if random.random() < 0.7:
        return None  # there is more to see while it is there
    # Mappings stay, as on AWS.
    gone = [key for key in world.facts if key[1] == name and key[0] != "mapping"]
    return Change(
        operation="delete_function",
        parameters={"FunctionName": name},
        facts=dict.fromkeys(gone),
    )


def _put_alias(world: World, random: Random, name: str) -> Change:
    alias = random.choice(["live", "next"])
    is_there = ("alias", name, alias) in world.facts
    version = random.choice(["$LATEST", *(key[2] for key in world.of("version", name))])
    description = world.new()
    return Change(
        operation="update_alias" if is_there else "create_alias",
        parameters={
            "FunctionName": name,
            "Name": alias,
            "FunctionVersion": version,
            "Description": description,
        },
        facts={("alias", name, alias): (version, description)},
    )


def _delete_alias(world: World, random: Random, name: str) -> Change | None:
    aliases = world.of("alias", name)
    if not aliases:
        return None
    key = random.choice(aliases)
    return Change(
        operation="delete_alias",
        parameters={"FunctionName": name, "Name": key[2]},
        facts={key: None, **_belongings(world, name, key[2])},
    )


def _qualifier(world: World, random: Random, name: str) -> str:
    """The function's own, a version's or an alias's."""
    owners = (*world.of("version", name), *world.of("alias", name))
    return random.choice(["", *(key[2] for key in owners)])


def _qualified(name: str, qualifier: str) -> dict[str, str]:
    return {"FunctionName": name, **({"Qualifier": qualifier} if qualifier else {})}


def _change_policy(world: World, random: Random, name: str) -> Change:
    qualifier = _qualifier(world, random, name)
    statement = f"s{random.randrange(_SID_COUNT)}"
    parameters = {**_qualified(name, qualifier), "StatementId": statement}
    key = ("statement", name, qualifier, statement)
    if key in world.facts:
        return Change(operation="remove_permission", parameters=parameters, facts={key: None})
    principal = random.choice(["s3.amazonaws.com", "sns.amazonaws.com"])
    permission = {"Action": "lambda:InvokeFunction", "Principal": principal}
    return Change(
        operation="add_permission", parameters={**parameters, **permission}, facts={key: principal}
    )


def _change_event_invoke_config(world: World, random: Random, name: str) -> Change:
    qualifier = _qualifier(world, random, name)
    key = ("event invoke", name, qualifier)
    if key in world.facts and random.random() < 0.5:
        return Change(
            operation="delete_function_event_invoke_config",
            parameters=_qualified(name, qualifier),
            facts={key: None},
        )
    attempts = random.randrange(3)
    return Change(
        operation="put_function_event_invoke_config",
        parameters={**_qualified(name, qualifier), "MaximumRetryAttempts": attempts},
        facts={key: attempts},
    )


def _change_url(world: World, random: Random, name: str) -> Change:
    aliases = [key[2] for key in world.of("alias", name)]
    qualifier = random.choice(["", *aliases])
    key = ("url", name, qualifier)
    parameters = _qualified(name, qualifier)
    if key in world.facts and random.random() < 0.5:
        return Change(
            operation="delete_function_url_config", parameters=parameters, facts={key: None}
        )
    authentication = random.choice(["NONE", "AWS_IAM"])
    return Change(
        operation=f"{'update' if key in world.facts else 'create'}_function_url_config",
        parameters={**parameters, "AuthType": authentication},
        facts={key: authentication},
    )


def _change_concurrency(world: World, random: Random, name: str) -> Change:
    key = ("reserved", name)
    if key in world.facts and random.random() < 0.5:
        return Change(
            operation="delete_function_concurrency",
            parameters={"FunctionName": name},
            facts={key: None},
        )
    count = random.randrange(5)
    return Change(
        operation="put_function_concurrency",
        parameters={"FunctionName": name, "ReservedConcurrentExecutions": count},
        facts={key: count},
    )


def _change_tags(world: World, random: Random, name: str) -> Change:
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    tags = world.of("tag", name)
    if tags and random.random() < 0.5:
        gone = random.sample(tags, random.randint(1, len(tags)))
        parameters = {"Resource": arn, "TagKeys": [key[2] for key in gone]}
        return Change(operation="untag_resource", parameters=parameters, facts=dict.fromkeys(gone))
    new = {key: world.new() for key in random.sample("abcd", 2)}
    return Change(
        operation="tag_resource",
        parameters={"Resource": arn, "Tags": new},
        facts={("tag", name, key): value for key, value in new.items()},
    )


def _change_mapping(world: World, random: Random, name: str) -> Change:
    key = ("mapping", name)
    size = random.randint(1, 10)
    if key not in world.facts:
        return Change(
            operation="create_event_source_mapping",
            parameters={
                "FunctionName": name,
                "EventSourceArn": f"{_QUEUE}{name}",
                "BatchSize": size,
            },
            facts={key: size},
        )
    own = {"UUID": world.ids[key]}
    if random.random() < 0.5:
        return Change(operation="delete_event_source_mapping", parameters=own, facts={key: None})
    return Change(
        operation="update_event_source_mapping",
        parameters={**own, "BatchSize": size},
        facts={key: size},
    )


def _change_code_signing_config(world: World, random: Random, name: str) -> Change | None:
    config = f"{world.prefix}_{random.randrange(2)}"
    key = ("code signing", config)
    description = world.new()
    if key not in world.facts:
        publishers = {"SigningProfileVersionArns": [f"{_PUBLISHER}{config}"]}
        return Change(
            operation="create_code_signing_config",
            parameters={"AllowedPublishers": publishers, "Description": description},
            facts={key: description},
        )
    arn = {"CodeSigningConfigArn": world.ids[key]}
    is_used = any(world.facts[each] == config for each in world.of("attached"))
    if not is_used and random.random() < 0.5:
        return Change(operation="delete_code_signing_config", parameters=arn, facts={key: None})
    return Change(
        operation="update_code_signing_config",
        parameters={**arn, "Description": description},
        facts={key: description},
    )


def _attach_code_signing_config(world: World, random: Random, name: str) -> Change | None:
    key = ("attached", name)
    function = {"FunctionName": name}
    if key in world.facts and random.random() < 0.5:
        return Change(
            operation="delete_function_code_signing_config", parameters=function, facts={key: None}
        )
    configs = world.of("code signing")
    if not configs:
        return None
    config = random.choice(configs)
    return Change(
        operation="put_function_code_signing_config",
        parameters={**function, "CodeSigningConfigArn": world.ids[config]},
        facts={key: config[1]},
    )


_CHANGES: tuple[Callable[[World, Random, str], Change | None], ...] = (
    _update_configuration,
    _update_code,
    _publish,
    _delete_version,
    _delete_function,
    _put_alias,
    _delete_alias,
    _change_policy,
    _change_event_invoke_config,
    _change_url,
    _change_concurrency,
    _change_tags,
    _change_mapping,
    _change_code_signing_config,
    _attach_code_signing_config,
)
