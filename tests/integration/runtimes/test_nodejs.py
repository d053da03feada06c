"""What only Node.js functions do."""

from __future__ import annotations

import base64
import json

import pytest

ALL = ["nodejs16.x", "nodejs18.x", "nodejs20.x", "nodejs22.x", "nodejs24.x"]
WITH_CALLBACKS = ALL[:-1]

every = pytest.mark.parametrize("identifier", ALL)
with_callbacks = pytest.mark.parametrize("identifier", WITH_CALLBACKS)


@with_callbacks
def test_an_uncaught_exception_is_posted_before_the_process_ends(start, identifier):
    source = """
exports.handler = () => new Promise(() => {
  setTimeout(() => { throw new Error("x".repeat(100000)); }, 1);
});
"""
    function = start(identifier, {"main.js": source})
    answer = function.invoke({})
    assert answer.kind == "error"
    assert len(answer.document["errorMessage"]) == 100_000
    assert function.wait() == 129


@every
def test_a_response_is_streamed(start, identifier):
    source = """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  stream.setContentType("text/plain");
  for (const part of event) stream.write(part);
  stream.end();
  await new Promise((resolve) => stream.once("finish", resolve));
});
"""
    function = start(identifier, {"main.js": source})
    for parts in (["one ", "two"], ["three"]):
        answer = function.invoke(parts)
        assert answer.body == "".join(parts).encode()
        assert answer.headers["lambda-runtime-function-response-mode"] == "streaming"
        assert answer.headers["content-type"] == "text/plain"
        assert answer.trailers == {}


@every
def test_an_error_in_the_middle_of_a_stream_is_in_the_trailers(start, identifier):
    source = """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  stream.write("begun");
  throw new RangeError("broken off");
});
"""
    answer = start(identifier, {"main.js": source}).invoke({})
    assert answer.body == b"begun"
    assert answer.trailers["lambda-runtime-function-error-type"] == "RangeError"
    error = json.loads(base64.b64decode(answer.trailers["lambda-runtime-function-error-body"]))
    assert error["errorMessage"] == "broken off"


@every
def test_a_refused_response_does_not_end_the_function(start, identifier):
    function = start(identifier, {"main.js": "exports.handler = async (event) => event;\n"})
    function.api.response_status = 413
    assert function.invoke(1).document == 1
    assert function.invoke(2).document == 2


@every
def test_the_heap_follows_the_functions_memory(start, identifier):
    source = """
exports.handler = async () =>
  require("v8").getHeapStatistics().heap_size_limit / 1048576;
"""
    limit = start(identifier, {"main.js": source}).invoke({}).document
    assert 200 < limit < 320


@pytest.mark.parametrize("identifier", ["nodejs22.x"])
@pytest.mark.parametrize(
    ("options", "kind"), [("", "error"), ("--experimental-require-module", "response")]
)
def test_an_experiment_of_nodes_is_off_until_asked_for(start, identifier, options, kind):
    files = {
        "main.js": "exports.handler = async () => require('./module.mjs').value;\n",
        "module.mjs": "export const value = 1;\n",
    }
    variables = {"NODE_OPTIONS": options} if options else {}
    assert start(identifier, files, variables=variables).invoke({}).kind == kind
