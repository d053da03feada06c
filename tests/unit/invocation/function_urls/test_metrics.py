from __future__ import annotations

import time
from dataclasses import replace

import pytest
from tests.unit.invocation.function_urls.url_callers import URL

from lambent.invocation.function_urls.metrics import measure
from lambent.telemetry.metrics.recorder import Metrics


@pytest.mark.parametrize(("qualifier", "resource"), [("", "greet:$LATEST"), ("live", "greet:live")])
def test_a_request_is_measured_of_its_url(qualifier, resource):
    metrics = Metrics()
    measure(metrics, replace(URL, qualifier=qualifier), status=404, began=time.monotonic() - 1000)
    found = {each.metric: each for each in metrics.now(1)}
    assert {each.series.resource for each in found.values()} == {resource}
    assert found["Url4xxCount"].aggregate.total == 1
    assert found["UrlRequestLatency"].aggregate.least >= 1_000_000
