"""What hostile functions must not do, where every environment starts plainly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.execution_environment.test_hostile_functions import (
    test_a_function_that_ends_its_process_fails_alone,
    test_a_function_that_hangs_is_timed_out,
    test_daemons_do_not_outlive_their_runtime,
)
from tests.support.leftovers import Snapshot, settled
from tests.support.server import RunningServer, running_server
from tests.support.stem_cells import stem_cells

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "test_a_function_that_ends_its_process_fails_alone",
    "test_a_function_that_hangs_is_timed_out",
    "test_daemons_do_not_outlive_their_runtime",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("plain") / "data"
    with running_server(data, "--fast-starts", "false") as running:
        yield running


@pytest.fixture(scope="module")
def at_rest(server: RunningServer) -> Snapshot:
    return settled(server)


def test_nothing_is_kept_in_stock(server, bystander):
    bystander.check()
    assert stem_cells(server) == {}
