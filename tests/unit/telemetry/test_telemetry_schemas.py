from __future__ import annotations

import pytest
from tests.unit.telemetry.test_platform_events import (
    REQUEST,
    TRACE,
    init_report,
    init_start,
    report,
)

from lambent.telemetry.extension_events import LogsDropped, LogsSubscription, TelemetrySubscription
from lambent.telemetry.platform_events import (
    End,
    Fault,
    RestoreReport,
    RestoreRuntimeDone,
    RuntimeDone,
    Start,
)
from lambent.telemetry.telemetry_schemas import LOGS_SCHEMAS, TELEMETRY_SCHEMAS, record_in

SINCE_DECEMBER = TELEMETRY_SCHEMAS[1:]
FAULT = Fault(request_id=REQUEST, message="Runtime exited", error_type="Runtime.ExitError")


@pytest.mark.parametrize(
    ("event", "schemas"),
    [
        (init_start(), TELEMETRY_SCHEMAS),
        (init_report(), TELEMETRY_SCHEMAS),
        (RestoreRuntimeDone(), SINCE_DECEMBER),
        (RestoreReport(duration=1), SINCE_DECEMBER),
        (Start(request_id=REQUEST, version="1"), TELEMETRY_SCHEMAS + LOGS_SCHEMAS),
        (RuntimeDone(request_id=REQUEST, duration=1), (*TELEMETRY_SCHEMAS, "2021-03-18")),
        (End(request_id=REQUEST), LOGS_SCHEMAS),
        (FAULT, LOGS_SCHEMAS),
        (report(), TELEMETRY_SCHEMAS + LOGS_SCHEMAS),
        (TelemetrySubscription(name="mine", types=()), TELEMETRY_SCHEMAS),
        (LogsSubscription(name="mine", types=()), LOGS_SCHEMAS),
        (
            LogsDropped(reason="r", dropped_records=1, dropped_bytes=1),
            TELEMETRY_SCHEMAS + LOGS_SCHEMAS,
        ),
    ],
)
def test_each_schema_has_its_own_events(event, schemas):
    all_of_them = TELEMETRY_SCHEMAS + LOGS_SCHEMAS
    assert tuple(each for each in all_of_them if record_in(event, each) is not None) == schemas


@pytest.mark.parametrize("schema", SINCE_DECEMBER)
def test_the_newer_schemas_tell_all(schema):
    for event in (init_start(), init_report(status="timeout"), report(trace=TRACE)):
        assert record_in(event, schema) == event.record()


def test_the_first_schema_tells_less_of_an_init():
    assert record_in(init_start(), "2022-07-01") == {
        "initializationType": "on-demand",
        "phase": "init",
        "runtimeVersion": "nodejs:22.v1",
        "runtimeVersionArn": "arn",
    }
    assert record_in(init_report(status="error", error_type="Extension.Crash"), "2022-07-01") == {
        "initializationType": "on-demand",
        "phase": "init",
        "metrics": {"durationMs": 125.33},
    }


@pytest.mark.parametrize("schema", LOGS_SCHEMAS)
def test_the_logs_api_reports_metrics_and_no_status(schema):
    failed = report(status="error", error_type="Runtime.ExitError")
    assert record_in(failed, schema) == {
        "requestId": REQUEST,
        "metrics": failed.record()["metrics"],
    }
    assert record_in(FAULT, schema) == (
        f"RequestId: {REQUEST} Error: Runtime exited\nRuntime.ExitError"
    )


@pytest.mark.parametrize(
    ("status", "told"),
    [("success", "success"), ("timeout", "timeout"), ("error", "failure"), ("failure", "failure")],
)
def test_the_logs_api_knows_one_kind_of_failure(status, told):
    event = RuntimeDone(request_id=REQUEST, duration=1, status=status, error_type="Runtime.Unknown")
    assert record_in(event, "2021-03-18") == {"requestId": REQUEST, "status": told}
