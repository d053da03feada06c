"""What neither original has: responses that are read while `lambent rie`'s function writes them."""

from __future__ import annotations

import contextlib
import uuid
from typing import TYPE_CHECKING

import pytest
from tests.support import streaming_functions
from tests.support.emulator import PYTHON, RunningEmulator, running_emulator
from tests.support.gates import open_gate, wait_reached

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def streaming(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEmulator]:
    place = tmp_path_factory.mktemp("streaming")
    (place / "runtime.py").write_text(streaming_functions.PYTHON)
    with running_emulator(place, (PYTHON, "runtime.py"), directory=place) as running:
        yield running


def stream(running: RunningEmulator, steps: str) -> Iterator[dict[str, dict[str, object]]]:
    answer = running.client().invoke_with_response_stream(
        FunctionName="function", Payload=f'{{"steps": {steps}}}'.encode()
    )
    with contextlib.closing(answer["EventStream"]) as events:
        yield from events


def test_what_is_written_is_read_before_the_end(streaming: RunningEmulator) -> None:
    gate = f"gate-{uuid.uuid4().hex}"
    events = stream(streaming, f'[["write", "one"], ["gate", "{gate}"], ["write", "two"]]')

    assert next(events)["PayloadChunk"]["Payload"] == b"one"
    wait_reached(gate)
    open_gate(gate)
    last, end = events
    assert last["PayloadChunk"]["Payload"] == b"two"
    assert end == {"InvokeComplete": {}}


def test_a_failure_in_the_middle_is_told_at_the_end(streaming: RunningEmulator) -> None:
    *_, first, last = stream(streaming, '[["write", "one"], ["fail", "no more"]]')

    assert first["PayloadChunk"]["Payload"] == b"one"
    assert last["InvokeComplete"]["ErrorCode"] == "Unhandled"
    assert "no more" in str(last["InvokeComplete"]["ErrorDetails"])


def test_who_waits_for_the_whole_gets_it_at_once(streaming: RunningEmulator) -> None:
    answer = streaming.invoke({"steps": [["write", "one "], ["write", "two"]]})

    assert (answer.status, answer.body) == (200, b"one two")
