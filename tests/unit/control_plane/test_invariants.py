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

NAMES = st.sampled_from(["a", "b"])
CODE = st.sampled_from(["1", "2", "3"])
CHANGES = st.sampled_from(
    [{}, {"Description": "x"}, {"Description": "y"}, {"Timeout": 4}, {"Timeout": 5}]
)
# What a caller may be refused for, when it does the right things at the wrong time.
EXPECTED = {"ResourceConflictException", "ResourceNotFoundException"}


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
        directory = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        opened = self.stack.enter_async_context(type(self).open_api(directory))
        self.api = self.runner.run(opened)
        self.lives = {"a": 0, "b": 0}  # a function that is made anew counts from 1 again
        self.revisions = {}  # of each version ever seen: revision -> what it looked like
        self.published = {}  # (name, life, number) -> what the version looked like when deployed

    def teardown(self):
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
        answer = self.call(
            "CreateFunction",
            FunctionName=name,
            Role="arn:aws:iam::123456789012:role/lambda",
            Runtime="python3.12",
            Handler="index.handler",
            Code={"ZipFile": self.make_archive(code)},
            Publish=publish,
        )
        if answer is not None:
            self.lives[name] += 1

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

    @rule(name=NAMES, number=st.integers(1, 5))
    def delete_version(self, name, number):
        self.call("DeleteFunction", FunctionName=name, Qualifier=str(number))

    @rule(name=NAMES)
    def delete(self, name):
        self.call("DeleteFunction", FunctionName=name)

    @rule()
    def deploy(self):
        self.runner.run(self.api.settle())
        for name in self.lives:
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
        return [self.configurations(name) for name in self.lives]

    @invariant()
    def a_revision_stands_for_one_state(self):
        for name in self.lives:
            for version in self.configurations(name):
                seen = self.revisions.setdefault(version["RevisionId"], version)
                assert seen == version

    @invariant()
    def versions_never_change_and_numbers_are_never_used_again(self):
        for name, life in self.lives.items():
            for version in self.configurations(name):
                if version["Version"] == "$LATEST":
                    continue
                key = (name, life, version["Version"])
                lasting = {
                    member: value
                    for member, value in version.items()
                    if member != "RevisionId" and "State" not in member and "Status" not in member
                }
                assert self.published.setdefault(key, lasting) == lasting

    @invariant()
    def numbers_only_grow(self):
        for name in self.lives:
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
