from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.domain.trace import SampledTrace
from lambent.telemetry.extension_events import (
    Extension,
    LogsDropped,
    LogsSubscription,
    TelemetrySubscription,
)
from lambent.telemetry.platform_events import (
    End,
    Fault,
    InitReport,
    InitRuntimeDone,
    InitStart,
    Report,
    RestoreReport,
    RestoreRuntimeDone,
    RestoreStart,
    RuntimeDone,
    Start,
    TimedOut,
)
from lambent.telemetry.platform_records import Span

REQUEST = "6d68ca91-49c9-448d-89b8-7ca3e6dc66aa"
ROOT = "1-62e900b2-710d76f009d6e7785905449a"
TRACE = SampledTrace(f"Root={ROOT};Parent=0efbd19962d95b05;Sampled=1", ROOT, "54565fb41ac79632")
TRACING = {"spanId": "54565fb41ac79632", "type": "X-Amzn-Trace-Id", "value": TRACE.header}
NOON_MS = 1_769_860_800_123
SPAN = Span(name="responseLatency", start_ms=NOON_MS, duration=23.0204)
SPANS = [{"name": "responseLatency", "start": "2026-01-31T12:00:00.123Z", "durationMs": 23.02}]
ABOUT: dict[str, Any] = {
    "runtime_version": "nodejs:22.v1",
    "runtime_version_arn": "arn",
    "function_name": "greet",
    "function_version": "$LATEST",
    "instance_id": "2026/01/31/[$LATEST]82561ce053dd47d190e0c8f5e063e62e",
    "memory_mib": 128,
}
ABOUT_RECORD = {
    "runtimeVersion": "nodejs:22.v1",
    "runtimeVersionArn": "arn",
    "functionName": "greet",
    "functionVersion": "$LATEST",
    "instanceId": "2026/01/31/[$LATEST]82561ce053dd47d190e0c8f5e063e62e",
    "instanceMaxMemory": 134217728,
}


def init_start(phase="init"):
    return InitStart(initialization_type="on-demand", phase=phase, **ABOUT)


def init_report(initialization_type="on-demand", **members):
    return InitReport(
        **{
            "initialization_type": initialization_type,
            "phase": "init",
            "duration": 125.333,
            **members,
        }
    )


def report(**members):
    values: dict[str, Any] = {"request_id": REQUEST, "duration": 693.92, "memory_size_mib": 128}
    return Report(**values, max_memory_used_mib=84, **members)


@pytest.mark.parametrize(
    ("event", "event_type", "record"),
    [
        (
            init_start(),
            "platform.initStart",
            {"initializationType": "on-demand", "phase": "init", **ABOUT_RECORD},
        ),
        (
            InitRuntimeDone(
                initialization_type="snap-start",
                phase="init",
                status="error",
                error_type="Runtime.ExitError",
            ),
            "platform.initRuntimeDone",
            {
                "initializationType": "snap-start",
                "phase": "init",
                "status": "error",
                "errorType": "Runtime.ExitError",
            },
        ),
        (
            init_report(),
            "platform.initReport",
            {
                "initializationType": "on-demand",
                "phase": "init",
                "status": "success",
                "metrics": {"durationMs": 125.33},
            },
        ),
        (RestoreStart(**ABOUT), "platform.restoreStart", ABOUT_RECORD),
        (
            RestoreRuntimeDone(spans=(SPAN,)),
            "platform.restoreRuntimeDone",
            {"status": "success", "spans": SPANS},
        ),
        (
            RestoreReport(duration=15.191, status="timeout"),
            "platform.restoreReport",
            {"status": "timeout", "metrics": {"durationMs": 15.19}},
        ),
        (
            Start(request_id=REQUEST, version="$LATEST"),
            "platform.start",
            {"requestId": REQUEST, "version": "$LATEST"},
        ),
        (
            Start(request_id=REQUEST, version="7", trace=TRACE),
            "platform.start",
            {"requestId": REQUEST, "version": "7", "tracing": TRACING},
        ),
        (
            RuntimeDone(
                request_id=REQUEST,
                duration=140.12345,
                produced_bytes=16,
                spans=(SPAN,),
                trace=TRACE,
            ),
            "platform.runtimeDone",
            {
                "requestId": REQUEST,
                "status": "success",
                "tracing": TRACING,
                "spans": SPANS,
                "metrics": {"durationMs": 140.123, "producedBytes": 16},
            },
        ),
        (End(request_id=REQUEST), "platform.end", {"requestId": REQUEST}),
        (
            report(init_duration=397.681),
            "platform.report",
            {
                "requestId": REQUEST,
                "metrics": {
                    "durationMs": 693.92,
                    "billedDurationMs": 1092,
                    "memorySizeMB": 128,
                    "maxMemoryUsedMB": 84,
                    "initDurationMs": 397.68,
                },
                "status": "success",
            },
        ),
        (
            report(restore_duration=204.27, status="error", error_type="Runtime.ExitError"),
            "platform.report",
            {
                "requestId": REQUEST,
                "metrics": {
                    "durationMs": 693.92,
                    "billedDurationMs": 694,
                    "memorySizeMB": 128,
                    "maxMemoryUsedMB": 84,
                    "restoreDurationMs": 204.27,
                    "billedRestoreDurationMs": 205,
                },
                "status": "error",
                "errorType": "Runtime.ExitError",
            },
        ),
        (
            Extension(name="mine", state="Ready", events=("SHUTDOWN", "INVOKE")),
            "platform.extension",
            {"name": "mine", "state": "Ready", "events": ["INVOKE", "SHUTDOWN"]},
        ),
        (
            Extension(name="mine", state="LaunchError", error_type="UnknownError"),
            "platform.extension",
            {"name": "mine", "state": "LaunchError", "events": [], "errorType": "UnknownError"},
        ),
        (
            TelemetrySubscription(name="mine", types=("platform", "function")),
            "platform.telemetrySubscription",
            {"name": "mine", "state": "Subscribed", "types": ["platform", "function"]},
        ),
        (
            LogsSubscription(name="mine", types=("extension",)),
            "platform.logsSubscription",
            {"name": "mine", "state": "Subscribed", "types": ["extension"]},
        ),
        (
            LogsDropped(reason="Too slow.", dropped_records=123, dropped_bytes=12345),
            "platform.logsDropped",
            {"reason": "Too slow.", "droppedRecords": 123, "droppedBytes": 12345},
        ),
    ],
)
def test_records_are_those_of_the_schema(event, event_type, record):
    assert event.type == event_type
    assert event.record() == record
    assert json.loads(json.dumps(event.record())) == record


def test_an_invocation_in_a_text_log():
    assert Start(request_id=REQUEST, version="$LATEST").text() == (
        f"START RequestId: {REQUEST} Version: $LATEST\n"
    )
    assert RuntimeDone(request_id=REQUEST, duration=1).text() is None
    assert End(request_id=REQUEST).text() == f"END RequestId: {REQUEST}\n"
    assert report().text() == (
        f"REPORT RequestId: {REQUEST}\tDuration: 693.92 ms\tBilled Duration: 694 ms\t"
        "Memory Size: 128 MB\tMax Memory Used: 84 MB\t\n"
    )


def test_the_report_of_a_failure_tells_it():
    failed = report(status="error", error_type="Runtime.ExitError")
    assert failed.text().endswith("84 MB\tStatus: error\tError Type: Runtime.ExitError\n")
    assert report(status="timeout").text().endswith("84 MB\tStatus: timeout\n")


def test_the_report_of_a_sampled_invocation_tells_its_segment():
    assert (
        report(trace=TRACE)
        .text()
        .endswith(f"84 MB\t\nXRAY TraceId: {ROOT}\tSegmentId: 54565fb41ac79632\tSampled: true\t\n")
    )


def test_an_init_has_a_line_when_it_starts_and_when_it_fails():
    assert init_start().text() == (
        "INIT_START Runtime Version: nodejs:22.v1\tRuntime Version ARN: arn\n"
    )
    assert InitRuntimeDone(initialization_type="on-demand", phase="init").text() is None
    assert init_report().text() is None
    assert init_report(status="timeout").text() == (
        "INIT_REPORT Init Duration: 125.33 ms\tPhase: init\tStatus: timeout\n"
    )
    assert init_report(phase="invoke", status="error", error_type="Extension.Crash").text() == (
        "INIT_REPORT Init Duration: 125.33 ms\tPhase: invoke\tStatus: error\t"
        "Error Type: Extension.Crash\n"
    )


def test_a_suppressed_init_has_no_line():
    assert init_start("invoke").text() is None
    assert init_report("provisioned-concurrency", phase="invoke").text() is None


@pytest.mark.parametrize("initialization_type", ["provisioned-concurrency", "snap-start"])
def test_an_init_ahead_of_any_invocation_is_always_reported(initialization_type):
    assert init_report(initialization_type).text() == "INIT_REPORT Init Duration: 125.33 ms\n"


def test_a_restore_in_a_text_log():
    assert RestoreStart(**ABOUT).text() == (
        "RESTORE_START Runtime Version: nodejs:22.v1\tRuntime Version ARN: arn\n"
    )
    assert RestoreRuntimeDone().text() is None
    assert RestoreReport(duration=509.307).text() == "RESTORE_REPORT Restore Duration: 509.31 ms\n"
    failed = RestoreReport(duration=1236.04, status="error", error_type="Runtime.ExitError")
    assert failed.text() == (
        "RESTORE_REPORT Restore Duration: 1236.04 ms\tStatus: error\t"
        "Error Type: Runtime.ExitError\n"
    )


def test_extensions_and_subscriptions_in_a_text_log():
    assert Extension(name="mine", state="Ready", events=("INVOKE", "SHUTDOWN")).text() == (
        "EXTENSION\tName: mine\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n"
    )
    assert Extension(name="mine", state="LaunchError", error_type="UnknownError").text() == (
        "EXTENSION\tName: mine\tState: LaunchError\tEvents: []\tError Type: UnknownError\n"
    )
    types = ("platform", "function", "extension")
    assert TelemetrySubscription(name="mine", types=types).text() == (
        "TELEMETRY\tName: mine\tState: Subscribed\tTypes: [Platform, Function, Extension]\n"
    )
    assert LogsSubscription(name="mine", types=("platform",)).text() == (
        "LOGS\tName: mine\tState: Subscribed\tTypes: [Platform]\n"
    )
    assert LogsDropped(reason="r", dropped_records=1, dropped_bytes=1).text() is None


def test_faults_are_lines_and_as_records_the_same_text():
    timed_out = TimedOut(request_id=REQUEST, timeout_seconds=3, at_ms=NOON_MS)
    assert timed_out.text() == (
        f"2026-01-31T12:00:00.123Z {REQUEST} Task timed out after 3.00 seconds\n\n"
    )
    fault = Fault(
        request_id=REQUEST,
        message="Runtime exited with error: exit status 1",
        error_type="Runtime.ExitError",
    )
    assert fault.text() == (
        f"RequestId: {REQUEST} Error: Runtime exited with error: exit status 1\nRuntime.ExitError\n"
    )
    for event in (timed_out, fault):
        assert event.type == "platform.fault"
        assert event.record() == event.text().rstrip("\n")


@pytest.mark.parametrize(
    ("event", "level"),
    [
        (init_start(), "INFO"),
        (InitRuntimeDone(initialization_type="on-demand", phase="init"), "DEBUG"),
        (
            InitRuntimeDone(initialization_type="on-demand", phase="init", status="timeout"),
            "WARN",
        ),
        (init_report(), "DEBUG"),
        (init_report("snap-start"), "INFO"),
        (init_report(status="error"), "WARN"),
        (RestoreStart(**ABOUT), "INFO"),
        (RestoreRuntimeDone(), "DEBUG"),
        (RestoreRuntimeDone(status="error"), "WARN"),
        (RestoreReport(duration=1), "INFO"),
        (RestoreReport(duration=1, status="error"), "WARN"),
        (Start(request_id=REQUEST, version="1"), "INFO"),
        (RuntimeDone(request_id=REQUEST, duration=1), "DEBUG"),
        (RuntimeDone(request_id=REQUEST, duration=1, status="failure"), "WARN"),
        (report(), "INFO"),
        (report(status="timeout"), "WARN"),
        (Extension(name="mine", state="Ready"), "INFO"),
        (Extension(name="mine", state="LaunchError", error_type="UnknownError"), "WARN"),
        (TelemetrySubscription(name="mine", types=("platform",)), "INFO"),
        (LogsSubscription(name="mine", types=("platform",)), "INFO"),
        (LogsDropped(reason="r", dropped_records=1, dropped_bytes=1), "WARN"),
    ],
)
def test_levels_are_those_of_aws_s_table(event, level):
    assert event.level == level


@pytest.mark.parametrize(
    "event",
    [
        Start(request_id=REQUEST, version="$LATEST", tenant_id="blue"),
        RuntimeDone(request_id=REQUEST, duration=1.0, tenant_id="blue"),
        report(tenant_id="blue"),
    ],
    ids=lambda event: event.type,
)
def test_what_is_told_of_a_tenants_invocation_names_the_tenant(event):
    assert event.record()["tenantId"] == "blue"
    assert "blue" not in (event.text() or "")  # lines people parse stay as they are
