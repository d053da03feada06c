"""What holds after any sequence of operations."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from lambent.domain.errors import ServiceError

FUNCTIONS = ("a", "b")
NAMES = st.sampled_from(FUNCTIONS)
ALIASES = st.sampled_from(["live", "next"])
VERSIONS = st.sampled_from(["$LATEST", "1", "2", "3"])
SHARES = st.sampled_from([{}, {"1": 0.0}, {"2": 0.5}, {"3": 1.0}])
CODE = st.sampled_from(["1", "2", "3"])
CHANGES = st.sampled_from(
    [{}, {"Description": "x"}, {"Description": "y"}, {"Timeout": 4}, {"Timeout": 5}]
)
QUALIFIERS = ("1", "2", "live", "next", "")
# What a function, or one of its qualifiers, can have beside its code: how it is put, what with,
# how it is read and how it is taken away.
KEPT: dict[str, tuple[dict[str, Any], str, str, dict[str, str]]] = {
    "PutFunctionEventInvokeConfig": (
        {"MaximumRetryAttempts": 1},
        "GetFunctionEventInvokeConfig",
        "DeleteFunctionEventInvokeConfig",
        {},
    ),
    "CreateFunctionUrlConfig": (
        {"AuthType": "NONE"},
        "GetFunctionUrlConfig",
        "DeleteFunctionUrlConfig",
        {},
    ),
    "AddPermission": (
        {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"},
        "GetPolicy",
        "RemovePermission",
        {"StatementId": "s"},
    ),
    "PutProvisionedConcurrencyConfig": (
        {"ProvisionedConcurrentExecutions": 1},
        "GetProvisionedConcurrencyConfig",
        "DeleteProvisionedConcurrencyConfig",
        {},
    ),
    "PutFunctionConcurrency": (
        {"ReservedConcurrentExecutions": 5},
        "GetFunctionConcurrency",
        "DeleteFunctionConcurrency",
        {},
    ),
}
OF_FUNCTIONS = ("PutFunctionConcurrency",)  # and of no qualifier
# What a caller may be refused for, when it does the right things at the wrong time.
EXPECTED = {
    "InvalidParameterValueException",
    "ResourceConflictException",
    "ResourceNotFoundException",
}


def qualified(kept, name, qualifier):
    is_whole = kept in OF_FUNCTIONS or not qualifier
    return {"FunctionName": name} if is_whole else {"FunctionName": name, "Qualifier": qualifier}


async def outcome_of(call):
    try:
        return await call
    except ServiceError as error:
        return error


class Operations(RuleBasedStateMachine):
    """Two functions, changed at random, with what was ever seen of them."""

    open_api: Any = None
    make_archive: Any = None

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.directory = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.open()
        self.revisions = {}  # of each version ever seen: revision -> what it looked like
        self.published = {}  # (name, number) -> what the version looked like when deployed

    def open(self):
        self.server = type(self).open_api(self.directory)
        self.api = self.runner.run(self.server.__aenter__())
        self.api.plane.deployments.recover()

    def close(self):
        self.runner.run(self.server.__aexit__(None, None, None))

    def teardown(self):
        self.close()
        self.runner.run(self.stack.aclose())
        self.runner.close()

    def call(self, operation, **request):
        """The answer; None when the operation was refused, which must change nothing."""
        before = self.everything()
        answer = self.ask(operation, **request)
        if isinstance(answer, dict):
            return answer
        assert answer.code in EXPECTED
        assert self.everything() == before
        return None

    def ask(self, operation, **request):
        return self.runner.run(outcome_of(self.api(operation, **request)))

    @rule(name=NAMES, code=CODE, publish=st.booleans())
    def create(self, name, code, publish):
        self.call(
            "CreateFunction",
            FunctionName=name,
            Role="arn:aws:iam::123456789012:role/lambda",
            Runtime="python3.12",
            Handler="index.handler",
            Code={"ZipFile": self.make_archive(code)},
            Publish=publish,
        )

    @rule(name=NAMES, code=CODE, publish=st.booleans(), dry=st.booleans())
    def update_code(self, name, code, publish, dry):
        archive = self.make_archive(code)
        self.call(
            "UpdateFunctionCode", FunctionName=name, ZipFile=archive, Publish=publish, DryRun=dry
        )

    @rule(name=NAMES, change=CHANGES)
    def update_configuration(self, name, change):
        self.call("UpdateFunctionConfiguration", FunctionName=name, **change)

    @rule(name=NAMES)
    def publish(self, name):
        before = self.listed(name)
        answer = self.call("PublishVersion", FunctionName=name)
        if answer is not None:
            is_new = answer["Version"] not in {version["Version"] for version in before}
            published = self.everything()
            assert len(self.listed(name)) == len(before) + is_new
            assert self.call("PublishVersion", FunctionName=name) == answer
            assert self.everything() == published

    @rule(name=NAMES)
    def publish_at_once(self, name):
        """Several callers get one version, for it is the same; nobody gets another error."""

        async def several():
            calls = [self.api("PublishVersion", FunctionName=name) for _ in range(3)]
            return await asyncio.gather(*map(outcome_of, calls))

        answers = self.runner.run(several())
        assert len({answer["Version"] for answer in answers if isinstance(answer, dict)}) <= 1

    @rule(name=NAMES, qualifier=st.sampled_from(QUALIFIERS), kept=st.sampled_from(sorted(KEPT)))
    def put(self, name, qualifier, kept):
        self.call(kept, **qualified(kept, name, qualifier), **KEPT[kept][0])

    @rule(name=NAMES, qualifier=st.sampled_from(QUALIFIERS), kept=st.sampled_from(sorted(KEPT)))
    def take_away(self, name, qualifier, kept):
        _, read, delete, more = KEPT[kept]
        self.call(delete, **qualified(kept, name, qualifier), **more)
        assert not isinstance(self.ask(read, **qualified(kept, name, qualifier)), dict) or (
            kept in OF_FUNCTIONS
        )

    @rule()
    def restart(self):
        """Everything that was answered is there again."""
        before = self.everything()
        self.close()
        self.open()
        assert self.everything() == before

    @rule(name=NAMES, number=st.integers(1, 5))
    def delete_version(self, name, number):
        self.call("DeleteFunction", FunctionName=name, Qualifier=str(number))

    @rule(name=NAMES, alias=ALIASES, version=VERSIONS, shares=SHARES)
    def create_alias(self, name, alias, version, shares):
        routing = {"AdditionalVersionWeights": shares}
        self.call(
            "CreateAlias",
            FunctionName=name,
            Name=alias,
            FunctionVersion=version,
            RoutingConfig=routing,
        )

    @rule(name=NAMES, alias=ALIASES, version=VERSIONS)
    def update_alias(self, name, alias, version):
        self.call("UpdateAlias", FunctionName=name, Name=alias, FunctionVersion=version)

    @rule(name=NAMES, alias=ALIASES)
    def delete_alias(self, name, alias):
        self.call("DeleteAlias", FunctionName=name, Name=alias)
        assert not [each for each in self.kept(name) if each[1] == alias]

    @rule(name=NAMES)
    def delete(self, name):
        self.call("DeleteFunction", FunctionName=name)

    @rule()
    def deploy(self):
        self.runner.run(self.api.settle())
        for name in FUNCTIONS:
            for version in self.configurations(name):
                assert version["State"] == "Active"
                assert version["LastUpdateStatus"] == "Successful"

    def listed(self, name):
        answer = self.ask("ListVersionsByFunction", FunctionName=name)
        return answer["Versions"] if isinstance(answer, dict) else []

    def configurations(self, name):
        return [
            self.ask("GetFunctionConfiguration", FunctionName=entry["FunctionArn"])
            for entry in self.listed(name)
        ]

    def everything(self):
        return [
            (self.configurations(name), self.aliases(name), self.kept(name)) for name in FUNCTIONS
        ]

    def kept(self, name):
        """(how it was put, qualifier, what is read of it) of all there is."""
        found = []
        for kept, (_, read, _, _) in KEPT.items():
            for qualifier in ("",) if kept in OF_FUNCTIONS else QUALIFIERS:
                answer = self.ask(read, **qualified(kept, name, qualifier))
                if isinstance(answer, dict) and answer:
                    found.append((kept, qualifier, answer))
        return found

    def aliases(self, name):
        answer = self.ask("ListAliases", FunctionName=name)
        return answer["Aliases"] if isinstance(answer, dict) else []

    @invariant()
    def a_revision_stands_for_one_state(self):
        for name in FUNCTIONS:
            for resource in (*self.configurations(name), *self.aliases(name)):
                seen = self.revisions.setdefault(resource["RevisionId"], resource)
                assert seen == resource

    @invariant()
    def aliases_point_to_versions_that_are_there(self):
        for name in FUNCTIONS:
            versions = {version["Version"] for version in self.listed(name)}
            for alias in self.aliases(name):
                routing = alias["RoutingConfig"] or {"AdditionalVersionWeights": {}}
                assert {alias["FunctionVersion"], *routing["AdditionalVersionWeights"]} <= versions
                found = self.ask("GetFunctionConfiguration", FunctionName=alias["AliasArn"])
                assert found["Version"] == alias["FunctionVersion"]

    @invariant()
    def versions_never_change_and_numbers_are_never_used_again(self):
        for name in FUNCTIONS:
            for version in self.configurations(name):
                if version["Version"] == "$LATEST":
                    continue
                key = (name, version["Version"])
                lasting = {
                    member: value
                    for member, value in version.items()
                    if member != "RevisionId" and "State" not in member and "Status" not in member
                }
                assert self.published.setdefault(key, lasting) == lasting

    @invariant()
    def nothing_is_kept_of_what_is_not_there(self):
        for name in FUNCTIONS:
            there = {version["Version"] for version in self.listed(name)}
            there |= {alias["Name"] for alias in self.aliases(name)}
            assert {qualifier for _, qualifier, _ in self.kept(name)} <= there | {""}
            assert there or not self.kept(name)

    @invariant()
    def numbers_only_grow(self):
        for name in FUNCTIONS:
            numbers = [version["Version"] for version in self.listed(name)]
            assert numbers[:1] in ([], ["$LATEST"])
            assert [int(number) for number in numbers[1:]] == sorted(map(int, numbers[1:]))


def test_any_sequence_of_operations_keeps_the_invariants(opened_api, archive_of):
    machine = type(
        "Machine",
        (Operations,),
        {"open_api": staticmethod(opened_api), "make_archive": staticmethod(archive_of)},
    )
    run_state_machine_as_test(
        machine, settings=settings(max_examples=25, stateful_step_count=25, deadline=None)
    )
