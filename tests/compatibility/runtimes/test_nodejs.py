"""What only handlers in Node.js can be: modules, callbacks, streams."""

from __future__ import annotations

import json

import pytest
from tests.support.programs import NODES, TWO_NODES, every_node, two_nodes

with_callbacks = pytest.mark.parametrize("runtime", [NODES[0], NODES[-2]])
with_sdk = pytest.mark.parametrize("runtime", NODES[1:])

FILES = {
    "promise.js": "exports.handler = async (event) => ({ n: event.n + 1 });\n",
    "plain.js": "exports.handler = (event) => Promise.resolve(event.n + 1);\n",
    "nested/deep/main.js": "exports.a = { b: { handler: async () => __dirname } };\n",
    "awaiting.mjs": """
const ready = await new Promise((resolve) => setTimeout(resolve, 5, "ready"));
export const handler = async () => ready;
""",
    "folder/module.mjs": "export const handler = async () => import.meta.url;\n",
    "callbacks.js": """
exports.result = (event, context, callback) => callback(null, event.n + 1);
exports.error = (event, context, callback) => callback(new RangeError("no"));
exports.text = (event, context, callback) => callback("only text");
exports.silent = (event, context, callback) => { setTimeout(() => {}, 10); };
exports.impatient = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false;
  setInterval(() => {}, 1000);
  callback(null, "done");
};
exports.patient = (event, context, callback) => {
  setTimeout(() => console.log("the last of its work"), 50);
  callback(null, "done");
};
""",
}


@pytest.fixture
def make(function, runtime):
    """A function of these files, or of one `main.js`, with a handler."""

    def deploy(handler, files=FILES):
        files = {"main.js": files} if isinstance(files, str) else files
        return function(runtime, files, handler=handler)

    return deploy


@every_node
def test_handlers_are_found_in_modules_of_either_kind(make):
    assert make("promise.handler").call({"n": 1}) == {"n": 2}
    assert make("plain.handler").call({"n": 1}) == 2
    assert make("nested/deep/main.a.b.handler").call() == "/var/task/nested/deep"
    assert make("awaiting.handler").call() == "ready"
    assert make("folder/module.handler").call() == "file:///var/task/folder/module.mjs"


@every_node
def test_a_package_of_type_module_is_an_es_module(make):
    files = {
        "package.json": '{"type": "module"}',
        "main.js": "import { sep } from 'node:path';\nexport const handler = async () => sep;\n",
    }
    assert make("main.handler", files).call() == "/"


@two_nodes
def test_an_es_module_that_cannot_be_loaded_says_why(make):
    missing = {"main.mjs": "import 'absent';\nexport const handler = async () => 1;\n"}
    payload = make("main.handler", missing).fail()
    assert payload["errorType"] in ("Runtime.ImportModuleError", "Error")
    assert "absent" in payload["errorMessage"]
    wrong = {"main.mjs": "export const handler = ;\n"}
    assert make("main.handler", wrong).fail()["errorType"] == "Runtime.UserCodeSyntaxError"
    rejected = {"main.mjs": "await Promise.reject(new RangeError('at the top'));\n"}
    payload = make("main.handler", rejected).fail()
    assert (payload["errorType"], payload["errorMessage"]) == ("RangeError", "at the top")


@with_callbacks
def test_a_callback_ends_the_invocation(make):
    assert make("callbacks.result").call({"n": 1}) == 2
    payload = make("callbacks.error").fail()
    assert (payload["errorType"], payload["errorMessage"]) == ("RangeError", "no")
    assert make("callbacks.text").fail()["errorMessage"] == "only text"


@with_callbacks
def test_a_handler_with_a_callback_ends_with_its_last_event(make):
    silent = make("callbacks.silent")
    assert [silent.call(), silent.call()] == [None, None]
    impatient = make("callbacks.impatient")
    assert [impatient.call(), impatient.call()] == ["done", "done"]
    patient = make("callbacks.patient")
    assert [patient.call(), patient.call()] == ["done", "done"]


@pytest.mark.parametrize("runtime", ["nodejs24.x"])
def test_callbacks_are_refused_from_node_24_on(make):
    payload = make("callbacks.result").fail()
    assert payload["errorType"] == "Runtime.CallbackHandlerDeprecated"


STREAM = """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  stream.setContentType("text/plain");
  for (const part of event) stream.write(part);
  stream.end();
});
exports.http = awslambda.streamifyResponse(async (event, stream) => {
  const prelude = { statusCode: 201, headers: { "x-order": "7" }, cookies: ["a=b"] };
  const answer = awslambda.HttpResponseStream.from(stream, prelude);
  answer.write("the ");
  answer.write("body");
  answer.end();
});
exports.pipeline = awslambda.streamifyResponse(async (event, stream) => {
  const { pipeline } = require("stream/promises");
  const { Readable } = require("stream");
  await pipeline(Readable.from(["x".repeat(1000000), "y".repeat(1000000)]), stream);
});
exports.early = awslambda.streamifyResponse(async () => { throw new RangeError("at once"); });
exports.late = awslambda.streamifyResponse(async (event, stream) => {
  stream.write("begun");
  throw new RangeError("broken off");
});
"""


@every_node
def test_a_streamed_response_comes_whole_to_a_caller_who_does_not_stream(make):
    deployed = make("main.handler", STREAM)
    for parts in (["one ", "two"], ["three"]):
        answer = deployed.invoke(parts)
        assert answer["Payload"].read() == "".join(parts).encode()
        assert "FunctionError" not in answer


@two_nodes
def test_a_streamed_http_response_has_its_head_before_the_body(make):
    head, _, body = make("main.http", STREAM).invoke()["Payload"].read().partition(bytes(8))
    assert json.loads(head) == {"statusCode": 201, "headers": {"x-order": "7"}, "cookies": ["a=b"]}
    assert body == b"the body"


@two_nodes
def test_a_pipeline_streams_megabytes(make):
    body = make("main.pipeline", STREAM).invoke()["Payload"].read()
    assert body == b"x" * 1_000_000 + b"y" * 1_000_000


@two_nodes
def test_a_stream_that_fails_is_the_functions_error(make):
    deployed = make("main.early", STREAM)
    payload = deployed.fail()
    assert (payload["errorType"], payload["errorMessage"]) == ("RangeError", "at once")
    late = make("main.late", STREAM)
    for _ in range(2):
        payload = late.fail()
        assert (payload["errorType"], payload["errorMessage"]) == ("RangeError", "broken off")


SDK = ["client-s3", "client-dynamodb", "client-lambda"]


@with_sdk
def test_the_sdk_is_there(make):
    required = "".join(f"require('@aws-sdk/{name}'), " for name in SDK)
    imported = "".join(f"import '@aws-sdk/{name}';\n" for name in SDK)
    files = {
        "required.js": f"const sdks = [{required}];\nexports.handler = async () => sdks.length;\n",
        "imported.mjs": f"{imported}export const handler = async () => 'all';\n",
    }
    assert make("required.handler", files).call() == len(SDK)
    assert make("imported.handler", files).call() == "all"


@pytest.mark.parametrize("runtime", TWO_NODES)
def test_the_packages_own_copy_of_the_sdk_wins(make):
    files = {
        "main.mjs": "import own from '@aws-sdk/client-s3';\nexport const handler = async () => own;\n",
        "node_modules/@aws-sdk/client-s3/index.js": "module.exports = 'own';\n",
    }
    assert make("main.handler", files).call() == "own"
