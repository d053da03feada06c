"""Traces of the companion's requests."""

from __future__ import annotations

import flask

from lambent.companion.traces import trace_header, traced_with

TRACE = "Root=1-00000000-000000000000000000000000;Lineage=2:aaaaaaaa:0|bbbbbbbb:0"


def test_outside_of_requests_there_is_no_trace() -> None:
    assert trace_header() is None


def test_a_request_s_trace_is_as_it_was_before_its_sdk_encoded_it() -> None:
    headers = {"X-Amzn-Trace-Id": TRACE.replace("|", "%7C")}
    with flask.Flask("").test_request_context(headers=headers):
        assert trace_header() == TRACE


def test_what_an_event_names_goes_before_its_request_s_trace() -> None:
    with flask.Flask("").test_request_context(headers={"X-Amzn-Trace-Id": "Root=of-the-request"}):
        with traced_with(TRACE):
            assert trace_header() == TRACE
        with traced_with(None):
            assert trace_header() == "Root=of-the-request"
