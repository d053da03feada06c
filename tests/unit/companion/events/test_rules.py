"""Targets that there is nothing to send events with."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from lambent.companion.events.rules import Targets

RULE = SimpleNamespace(arn="arn:aws:events:us-east-1:1:rule/r", account_id="1", targets=[])


@pytest.mark.parametrize("service", ["states", "kinesis", "ecs"])
def test_a_target_of_another_service_is_one_sentence_of_the_log(
    service: str, caplog: pytest.LogCaptureFixture
) -> None:
    target = {"Id": "1", "Arn": f"arn:aws:{service}:us-east-1:1:thing/x"}
    nobody = cast("Any", None)
    Targets(server=nobody, deliveries=nobody).send(RULE, target, {})
    [line] = caplog.records
    assert f"sends nothing to {target['Arn']}" in line.getMessage()
    assert line.exc_info is None
