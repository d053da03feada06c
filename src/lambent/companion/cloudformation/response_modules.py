"""The module that CloudFormation puts beside code written in a template, to answer it with.

Ours has the interface of AWS's:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-lambda-function-code-cfnresponsemodule.html
"""

from __future__ import annotations

_PYTHON = '''\
"""send(event, context, status, data) answers CloudFormation for a custom resource."""

import json
import urllib.request

SUCCESS = "SUCCESS"
FAILED = "FAILED"


def send(
    event,
    context,
    responseStatus,
    responseData,
    physicalResourceId=None,
    noEcho=False,
    reason=None,
):
    where = "See the details in CloudWatch Log Stream: {}".format(context.log_stream_name)
    response = {
        "Status": responseStatus,
        "Reason": reason or where,
        "PhysicalResourceId": physicalResourceId or context.log_stream_name,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "NoEcho": noEcho,
        "Data": responseData,
    }
    request = urllib.request.Request(
        event["ResponseURL"],
        data=json.dumps(response).encode(),
        headers={"content-type": ""},
        method="PUT",
    )
    try:
        with urllib.request.urlopen(request) as answer:
            print("Status code:", answer.status)
    except Exception as error:
        print("send(..) failed:", error)
'''
_NODE = """\
// send(event, context, status, data) answers CloudFormation for a custom resource.
const clients = { "http:": require("http"), "https:": require("https") };

exports.SUCCESS = "SUCCESS";
exports.FAILED = "FAILED";

exports.send = function (
  event, context, responseStatus, responseData, physicalResourceId, noEcho, reason,
) {
  const body = JSON.stringify({
    Status: responseStatus,
    Reason: reason || "See the details in CloudWatch Log Stream: " + context.logStreamName,
    PhysicalResourceId: physicalResourceId || context.logStreamName,
    StackId: event.StackId,
    RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId,
    NoEcho: noEcho || false,
    Data: responseData,
  });
  const url = new URL(event.ResponseURL);
  const headers = { "content-type": "", "content-length": Buffer.byteLength(body) };
  return new Promise(function (resolve) {
    const finish = function () {
      if (typeof context.done === "function") context.done();
      resolve();
    };
    const request = clients[url.protocol].request(url, { method: "PUT", headers });
    request.on("response", function (answer) {
      console.log("Status code: " + answer.statusCode);
      answer.resume();
      answer.on("end", finish);
    });
    request.on("error", function (error) {
      console.log("send(..) failed: " + error);
      finish();
    });
    request.end(body);
  });
};
"""


def response_modules(source: str, suffix: str) -> dict[str, str]:
    """The files, by path, that code in a template is to have beside it; `suffix` is the code's."""
    if suffix == ".py" and "cfnresponse" in source:
        return {"cfnresponse.py": _PYTHON}
    if suffix == ".js" and "cfn-response" in source:
        return {"node_modules/cfn-response/index.js": _NODE}
    return {}
