from __future__ import annotations

import pytest
from botocore.loaders import Loader

from lambent.control_plane.operations import NOT_AVAILABLE, OPERATIONS

INVOCATIONS = {"Invoke", "InvokeAsync", "InvokeWithResponseStream"}


@pytest.fixture(scope="module")
def modelled():
    return set(Loader().load_service_model("lambda", "service-2")["operations"])


def test_every_operation_of_the_model_is_implemented_or_refused(modelled):
    assert OPERATIONS.keys() | NOT_AVAILABLE.keys() | INVOCATIONS == modelled


def test_no_operation_is_both_implemented_and_refused():
    assert not OPERATIONS.keys() & NOT_AVAILABLE.keys()
    assert not (OPERATIONS.keys() | NOT_AVAILABLE.keys()) & INVOCATIONS
