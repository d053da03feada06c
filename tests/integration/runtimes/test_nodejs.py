"""What only Node.js functions do."""

from __future__ import annotations

import base64
import json

import pytest

ALL = ["nodejs16.x", "nodejs18.x", "nodejs20.x", "nodejs22.x", "nodejs24.x"]
WITH_CALLBACKS = ALL[:-1]
WITH_SDK = ALL[1:]

every = pytest.mark.parametrize("identifier", ALL)
with_callbacks = pytest.mark.parametrize("identifier", WITH_CALLBACKS)
with_sdk = pytest.mark.parametrize("identifier", WITH_SDK)


@every
def test_an_es_module_may_await_at_its_top(start, identifier):
    source = (
        "const ready = await Promise.resolve('ready');\nexport const handler = async () => ready;\n"
    )
    function = start(identifier, {"nested/main.mjs": source}, "nested/main.handler")
    assert function.invoke({}).document == "ready"


@every
def test_a_package_of_type_module_is_an_es_module(start, identifier):
    files = {
        "package.json": '{"type": "module"}',
        "main.js": "import { sep } from 'node:path';\nexport const handler = async () => sep;\n",
    }
    assert start(identifier, files).invoke({}).document == "/"


@with_callbacks
def test_a_callback_gives_the_result(start, identifier):
    source = "exports.handler = (event, context, callback) => callback(null, event.n + 1);\n"
    function = start(identifier, {"main.js": source})
    assert function.invoke({"n": 1}).document == 2
    assert function.invoke({"n": 2}).document == 3


@with_callbacks
def test_a_callback_gives_the_error(start, identifier):
    source = "exports.handler = (event, context, callback) => callback(new Error('no'));\n"
    answer = start(identifier, {"main.js": source}).invoke({})
    assert answer.kind == "error"
    assert answer.document["errorMessage"] == "no"


@with_callbacks
def test_a_handler_that_never_calls_back_ends_with_its_last_event(start, identifier):
    source = "exports.handler = (event, context, callback) => { setTimeout(() => {}, 10); };\n"
    function = start(identifier, {"main.js": source})
    assert function.invoke({}).document is None
    assert function.invoke({}).document is None


@with_callbacks
def test_a_callback_may_not_wait_for_the_event_loop(start, identifier):
    source = """
exports.handler = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false;
  setInterval(() => {}, 1000);
  callback(null, "done");
};
"""
    function = start(identifier, {"main.js": source})
    assert function.invoke({}).document == "done"
    assert function.invoke({}).document == "done"


@pytest.mark.parametrize("identifier", ["nodejs24.x"])
def test_callbacks_are_refused_from_node_24_on(start, identifier):
    source = "exports.handler = (event, context, callback) => callback(null, 1);\n"
    answer = start(identifier, {"main.js": source}).api.answer()
    assert answer.document["errorType"] == "Runtime.CallbackHandlerDeprecated"


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


@with_sdk
@pytest.mark.parametrize(
    "files",
    [
        {
            "main.js": "const s3 = require('@aws-sdk/client-s3');\nexports.handler = async () => typeof s3.S3Client;\n"
        },
        {
            "main.mjs": "import * as s3 from '@aws-sdk/client-s3';\nexport const handler = async () => typeof s3.S3Client;\n"
        },
    ],
    ids=["require", "import"],
)
def test_the_sdk_is_there(start, identifier, files):
    assert start(identifier, files).invoke({}).document == "function"


@with_sdk
def test_the_functions_own_copy_of_the_sdk_wins(start, identifier):
    files = {
        "main.mjs": "import own from '@aws-sdk/client-s3';\nexport const handler = async () => own;\n",
        "node_modules/@aws-sdk/client-s3/index.js": "module.exports = 'own';\n",
    }
    assert start(identifier, files).invoke({}).document == "own"


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
