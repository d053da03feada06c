from __future__ import annotations

import re

from lambent.telemetry import platform_lines
from lambent.telemetry.platform_events import Report

REQUEST = "8f507cfc-xmpl-4697-b07a-ac58fc914c95"
NOON_MS = 1_769_860_800_123  # 2026-01-31T12:00:00.123Z


def test_init_start_names_the_runtime_version():
    line = platform_lines.init_start("python:3.12.v1", "arn:aws:lambda:eu-west-1::runtime:07a4")
    assert line == (
        "INIT_START Runtime Version: python:3.12.v1\t"
        "Runtime Version ARN: arn:aws:lambda:eu-west-1::runtime:07a4\n"
    )


def test_start_and_end():
    assert platform_lines.start(REQUEST, "$LATEST") == (
        f"START RequestId: {REQUEST} Version: $LATEST\n"
    )
    assert platform_lines.end(REQUEST) == f"END RequestId: {REQUEST}\n"


def test_report_of_a_warm_invocation_ends_with_a_tab():
    values = Report(request_id=REQUEST, duration=2.901, memory_size_mib=128, max_memory_used_mib=36)
    assert platform_lines.report(values) == (
        f"REPORT RequestId: {REQUEST}\tDuration: 2.90 ms\tBilled Duration: 3 ms\t"
        "Memory Size: 128 MB\tMax Memory Used: 36 MB\t\n"
    )


def test_report_of_a_cold_start_bills_the_initialization():
    # AWS's own line: 1248.31 and 293.05 were billed as 1542.
    values = Report(
        request_id=REQUEST,
        duration=1248.31,
        memory_size_mib=128,
        max_memory_used_mib=94,
        init_duration=293.05,
        status="error",
        error_type="Runtime.ExitError",
    )
    assert platform_lines.report(values) == (
        f"REPORT RequestId: {REQUEST}\tDuration: 1248.31 ms\tBilled Duration: 1542 ms\t"
        "Memory Size: 128 MB\tMax Memory Used: 94 MB\tInit Duration: 293.05 ms\t"
        "Status: error\tError Type: Runtime.ExitError\n"
    )


def test_report_of_a_time_out_has_a_status_and_no_error_type():
    values = Report(
        request_id=REQUEST,
        duration=3000.0,
        memory_size_mib=1024,
        max_memory_used_mib=64,
        status="timeout",
    )
    assert platform_lines.report(values).endswith("Max Memory Used: 64 MB\tStatus: timeout\n")
    assert "\tBilled Duration: 3000 ms\t" in platform_lines.report(values)


def test_noise_of_floating_point_is_not_billed():
    assert platform_lines.billed_duration(0.1 + 0.2 + 2.7, None) == 3
    assert platform_lines.billed_duration(1.01, 0.99) == 2


def test_init_report_of_a_time_out_and_of_an_error():
    assert platform_lines.init_report(10_000.04, "init", "timeout") == (
        "INIT_REPORT Init Duration: 10000.04 ms\tPhase: init\tStatus: timeout\n"
    )
    assert platform_lines.init_report(80.49, "invoke", "error", "Runtime.ImportModuleError") == (
        "INIT_REPORT Init Duration: 80.49 ms\tPhase: invoke\tStatus: error\t"
        "Error Type: Runtime.ImportModuleError\n"
    )


def test_time_out_line_carries_the_time_and_the_function_s_limit():
    assert platform_lines.task_timed_out(REQUEST, 3, NOON_MS) == (
        f"2026-01-31T12:00:00.123Z {REQUEST} Task timed out after 3.00 seconds\n\n"
    )


def test_exit_of_the_runtime_is_one_event_of_two_lines():
    line = platform_lines.runtime_exited(REQUEST, "Runtime exited with error: exit status 1")
    assert line == (
        f"RequestId: {REQUEST} Error: Runtime exited with error: exit status 1\nRuntime.ExitError\n"
    )


def test_a_report_after_a_restore_bills_it_apart():
    values = Report(
        request_id=REQUEST,
        duration=13.82,
        memory_size_mib=512,
        max_memory_used_mib=64,
        restore_duration=204.27,
    )
    assert platform_lines.report(values).endswith(
        "Max Memory Used: 64 MB\tRestore Duration: 204.27 ms\tBilled Restore Duration: 205 ms\t\n"
    )


def test_streams_of_a_shared_group_have_the_function_s_name():
    name = platform_lines.log_stream_name("7", NOON_MS, function_name="greet")
    assert re.fullmatch(r"2026/01/31/greet\[7\][0-9a-f]{32}", name)


def test_stream_names_are_dated_and_unique():
    names = {platform_lines.log_stream_name("$LATEST", NOON_MS) for _ in range(3)}
    assert len(names) == 3
    for name in names:
        assert re.fullmatch(r"2026/01/31/\[\$LATEST\][0-9a-f]{32}", name)
