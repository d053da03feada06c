from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from tests.support.accounts import Account

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.server import RunningServer

_numbers = itertools.count(700_000_000_000)


@pytest.fixture
def account(server: RunningServer) -> Iterator[Account]:
    """An account with nothing in it yet."""
    own = Account(id=str(next(_numbers)), server=server)
    yield own
    client = own.client()
    for function in client.get_paginator("list_functions").paginate().search("Functions[]"):
        client.delete_function(FunctionName=function["FunctionName"])
