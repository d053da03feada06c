"""Extensions nobody here wrote, as their authors publish them, in layers made as they document.

- `lambda-sigterm` (PyPI): an internal extension in Python, which exists to be told of the end.
- OpenTelemetry for Python (PyPI): instruments a function from AWS_LAMBDA_EXEC_WRAPPER.
- Powertools for AWS Lambda (PyPI): a library in a layer.
- `@serverless/aws-lambda-otel-extension` (npm): an external extension in Node.js that subscribes to
  the Logs API, and an internal part that a wrapper script loads.
- `@sentry/aws-serverless` (npm): an external extension in Node.js that is a proxy.
"""

from __future__ import annotations

import json
import shutil
import zipfile

import pytest
from tests.support.packages import npm_package, python_packages
from tests.support.waiting import eventually, wait_logged

PYTHON = "3.13"


@pytest.fixture
def root(tmp_path):
    """What becomes /opt."""
    return tmp_path / "layer"


def python_layer(root, *requirements):
    shutil.copytree(python_packages(PYTHON, *requirements), root / "python")


# Internal, in Python

SIGTERM = """
import signal
import lambda_sigterm

def say(*_):
    print("the function is told to end")
    raise SystemExit

signal.signal(signal.SIGTERM, say)
lambda_sigterm.register()

def handler(event, context):
    return event
"""


def test_a_function_that_registers_an_internal_extension_is_told_to_end(layer, extended, root):
    python_layer(root, "lambda-sigterm==0.1.2")
    deployed = extended("python3.13", {"main.py": SIGTERM}, layer("lambda-sigterm", root))
    for number in range(3):
        assert deployed.call(number) == number
    deployed.client.delete_function(FunctionName=deployed.name)
    messages = wait_logged(deployed, "the function is told to end")
    assert "EXTENSION\tName: lambda-sigterm\tState: Ready\tEvents: []\n" in messages


OTEL_WRAPPER = """#!/bin/bash
export OTEL_TRACES_EXPORTER=console OTEL_METRICS_EXPORTER=none OTEL_LOGS_EXPORTER=none
export OTEL_SERVICE_NAME="$AWS_LAMBDA_FUNCTION_NAME"
export PYTHONPATH="/opt/python:$LAMBDA_RUNTIME_DIR:$PYTHONPATH"
exec python3 /opt/python/bin/opentelemetry-instrument "$@"
"""


def test_opentelemetry_instruments_a_function_through_its_wrapper(layer, extended, root):
    python_layer(
        root, "opentelemetry-distro==0.66b1", "opentelemetry-instrumentation-aws-lambda==0.66b1"
    )
    wrapper = root / "otel-instrument"
    wrapper.write_text(OTEL_WRAPPER)
    wrapper.chmod(0o755)
    deployed = extended(
        "python3.13",
        {"main.py": "def handler(event, context):\n    return event\n"},
        layer("opentelemetry", root),
        Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/otel-instrument"}},
    )
    answer = deployed.invoke({"order": 7})
    assert json.loads(answer["Payload"].read()) == {"order": 7}
    request_id = answer["ResponseMetadata"]["RequestId"]
    log = "".join(wait_logged(deployed, f'"faas.invocation_id": "{request_id}"'))
    assert f'"name": "{deployed.name}"' in log
    assert f'"service.name": "{deployed.name}"' in log


POWERTOOLS = """
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger(service="orders")
metrics = Metrics(namespace="shop", service="orders")

@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event, context):
    metrics.add_metric(name="placed", unit=MetricUnit.Count, value=1)
    logger.info("order placed", order=event["order"])
    return event
"""


def test_powertools_log_and_measure_from_a_layer(layer, extended, root):
    python_layer(root, "aws-lambda-powertools==3.37.0")
    deployed = extended("python3.13", {"main.py": POWERTOOLS}, layer("powertools", root))
    answer = deployed.invoke({"order": 7})
    assert json.loads(answer["Payload"].read()) == {"order": 7}
    request_id = answer["ResponseMetadata"]["RequestId"]
    messages = wait_logged(deployed, "ColdStart")
    documents = [json.loads(each) for each in messages if each.startswith("{")]
    [line] = [each for each in documents if each.get("message") == "order placed"]
    assert line["order"] == 7
    assert line["cold_start"] is True
    assert line["function_request_id"] == request_id
    assert [1.0] in [each.get("placed") for each in documents]


# External, in Node.js

SERVERLESS = "@serverless/aws-lambda-otel-extension-dist@0.1.11"


def test_an_extension_in_nodejs_reports_what_the_logs_api_tells(layer, extended, root):
    with zipfile.ZipFile(npm_package(SERVERLESS) / "extension.zip") as archive:
        for member in archive.infolist():
            file = archive.extract(member, root)
            mode = member.external_attr >> 16
            if not member.is_dir():
                (root / file).chmod(mode & 0o777 or 0o644)
    deployed = extended(
        "nodejs18.x",
        {"main.js": "exports.handler = async (event) => event;\n"},
        layer("otel-extension", root),
        Environment={
            "Variables": {
                "AWS_LAMBDA_EXEC_WRAPPER": "/opt/otel-extension/otel-handler",
                "SLS_OTEL_REPORT_TYPE": "json",
            }
        },
    )
    answer = deployed.invoke({"order": 7})
    assert json.loads(answer["Payload"].read()) == {"order": 7}
    request_id = answer["ResponseMetadata"]["RequestId"]

    def reports():
        return [
            json.loads(each)
            for each in wait_logged(deployed, request_id)
            if each.startswith("[{") and request_id in each
        ]

    eventually(lambda: [each for each in reports() if "resourceSpans" in each[0]], "its traces")
    # Its metrics need platform.report, which the Logs API sends after the invocation.
    deployed.call({"order": 8})
    eventually(lambda: [each for each in reports() if "resourceMetrics" in each[0]], "its metrics")


SENTRY = "@sentry/aws-serverless@10.75.2"
# The function stands in for Sentry too: what the extension passes on comes back to it.
SENTRY_FUNCTION = """
const http = require("http");
const dsn = process.env.SENTRY_DSN;
let tell;
http.createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  response.end("{}");
  tell({ url: request.url, body: Buffer.concat(chunks).toString() });
}).listen(9876);

const post = (body) => new Promise((resolve, reject) => {
  const options = { port: 9000, path: "/envelope", method: "POST" };
  const request = http.request(options, (answer) => {
    answer.resume();
    answer.on("end", () => resolve(answer.statusCode));
  });
  request.on("error", reject);
  request.end(body);
});

exports.handler = async (event) => {
  const arrived = new Promise((resolve) => { tell = resolve; });
  const status = await post(JSON.stringify({ dsn }) + "\\n" + JSON.stringify(event));
  return { status, ...(await arrived) };
};
"""


def test_an_extension_in_nodejs_passes_on_what_the_function_sends(layer, extended, root):
    built = npm_package(SENTRY) / "build/lambda-extension"
    (root / "extensions").mkdir(parents=True)
    shutil.copy(built / "sentry-extension", root / "extensions/sentry-extension")
    (root / "sentry-extension").mkdir()
    shutil.copy(built / "index.mjs", root / "sentry-extension/index.mjs")
    (root / "sentry-extension/index.mjs").chmod(0o755)
    deployed = extended(
        "nodejs22.x",
        {"main.js": SENTRY_FUNCTION},
        layer("sentry", root),
        Environment={"Variables": {"SENTRY_DSN": "http://key@127.0.0.1:9876/42"}},
    )
    for number in range(3):
        answer = deployed.call({"order": number})
        assert answer["status"] == 200
        assert answer["url"] == "/api/42/envelope/?sentry_version=7&sentry_key=key"
        assert json.loads(answer["body"].splitlines()[1]) == {"order": number}
    messages = wait_logged(deployed, "EXTENSION\tName: sentry-extension")
    [line] = [each for each in messages if each.startswith("EXTENSION")]
    assert line == ("EXTENSION\tName: sentry-extension\tState: Ready\tEvents: [INVOKE, SHUTDOWN]\n")
