"""Functions that stream what they are told to, in Node.js and on two custom runtimes.

An event is `{"steps": [[action, argument], ...]}`, sent with Invoke or as the body of a request to
a function URL. With a `prelude` it is an answer to such a request; a `type` is its content type.
`["gate", name]` waits for `tests.support.gates.open_gate(name)`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

NODE = """\
"use strict";
const fs = require("fs");

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function push(stream, piece) {
  if (!stream.write(piece)) await new Promise((resolve) => stream.once("drain", resolve));
}

const actions = {
  write: push,

  // So many bytes; how many the runtime has taken stands in a file.
  fill: async (stream, { bytes, note }) => {
    const piece = Buffer.alloc(64 * 1024, "x");
    for (let sent = 0; sent < bytes; sent += piece.length) {
      await push(stream, piece);
      if (note) fs.writeFileSync(`/tmp/${note}`, String(sent + piece.length));
    }
  },

  gate: async (stream, name) => {
    fs.writeFileSync(`/tmp/${name}.waiting`, "");
    while (!fs.existsSync(`/tmp/${name}.open`)) await pause(5);
  },

  log: (stream, text) => console.log(text),
  fail: (stream, message) => { throw new RangeError(message); },
  leave: (stream, status) => process.exit(status),
  kill: () => { process.kill(process.pid, "SIGKILL"); return pause(60000); },
  never: () => pause(60000),
};

const toldBy = (event) => {
  if (event.steps) return event;  // else it came to a URL
  const body = Buffer.from(event.body, event.isBase64Encoded ? "base64" : "utf8");
  return JSON.parse(body.toString());
};

exports.streaming = awslambda.streamifyResponse(async (event, responseStream) => {
  const told = toldBy(event);
  let stream = responseStream;
  if (told.type) stream.setContentType(told.type);
  if (told.prelude) stream = awslambda.HttpResponseStream.from(stream, told.prelude);
  for (const [action, argument] of told.steps) await actions[action](stream, argument);
  stream.end();
});

exports.buffered = async (event) => {
  const written = [];
  const stream = { write: (piece) => written.push(piece) };
  for (const [action, argument] of toldBy(event).steps) await actions[action](stream, argument);
  return written.join("");
};
"""

PYTHON = '''\
#!/usr/bin/python3
import base64
import http.client
import json
import os
import time

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
PATH = "/2018-06-01/runtime/invocation"
TRAILERS = "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"


class Refused(Exception):
    """The event says so."""


class Response:
    """One response on a connection of its own, which is closed after it."""

    def __init__(self, request_id, content_type):
        self.connection = http.client.HTTPConnection(API)
        self.connection.putrequest("POST", f"{PATH}/{request_id}/response")
        for name, value in (
            ("Content-Type", content_type),
            ("Lambda-Runtime-Function-Response-Mode", "streaming"),
            ("Transfer-Encoding", "chunked"),
            ("Trailer", TRAILERS),
        ):
            self.connection.putheader(name, value)
        self.connection.endheaders()

    def write(self, piece):
        self.connection.send(b"%x\\r\\n%b\\r\\n" % (len(piece), piece))

    def end(self, error=None):
        self.connection.send(b"0\\r\\n")
        if error is not None:
            body = base64.b64encode(json.dumps({"errorMessage": str(error)}).encode())
            self.connection.send(b"Lambda-Runtime-Function-Error-Type: Custom.Refused\\r\\n")
            self.connection.send(b"Lambda-Runtime-Function-Error-Body: %b\\r\\n" % body)
        self.connection.send(b"\\r\\n")
        self.connection.getresponse().read()
        self.cut()

    def cut(self):
        self.connection.close()


def gate(name):
    open(f"/tmp/{name}.waiting", "w").close()
    while not os.path.exists(f"/tmp/{name}.open"):
        time.sleep(0.005)


def refuse(message):
    raise Refused(message)


def told_by(event):
    if "steps" in event:
        return event
    body = event["body"]
    return json.loads(base64.b64decode(body) if event["isBase64Encoded"] else body)


def answer(request_id, told):
    response = Response(request_id, told.get("type", "application/octet-stream"))
    actions = {
        "write": lambda text: response.write(text.encode()),
        "gate": gate,
        "log": lambda text: print(text, flush=True),
        "fail": refuse,
        "cut": lambda _: response.cut(),
    }
    try:
        for action, argument in told["steps"]:
            actions[action](argument)
            if action == "cut":
                return
    except Refused as error:
        response.end(error)
    else:
        response.end()


while True:
    connection = http.client.HTTPConnection(API)
    connection.request("GET", f"{PATH}/next")
    following = connection.getresponse()
    answer(following.headers["Lambda-Runtime-Aws-Request-Id"], told_by(json.load(following)))
    connection.close()
'''

# One process for each environment and no other: two hundred of them are nothing. It understands
# no JSON: of its event it wants the gate's name, and answers with `one `, and behind it `two`.
BASH = r"""#!/bin/bash
LC_ALL=C
api=${AWS_LAMBDA_RUNTIME_API/://}
path=/2018-06-01/runtime/invocation
exec 9<> <(:)  # nothing ever comes from it: a pause that starts no program

receive() {
  local line length=0
  event=
  while IFS= read -r -u 3 line && line=${line%$'\r'} && [ -n "$line" ]; do
    case ${line,,} in
      content-length:*) length=${line#*: } ;;
      lambda-runtime-aws-request-id:*) request_id=${line#*: } ;;
    esac
  done
  if [ "$length" -gt 0 ]; then IFS= read -r -N "$length" -u 3 event; fi
}

chunk() { printf '%x\r\n%s\r\n' "${#1}" "$1" >&3; }

while :; do
  exec 3<> "/dev/tcp/$api"
  printf 'GET %s/next HTTP/1.1\r\nHost: runtime\r\n\r\n' "$path" >&3
  receive
  exec 3>&- 3<> "/dev/tcp/$api"
  printf '%s\r\n' "POST $path/$request_id/response HTTP/1.1" "Host: runtime" \
    "Content-Type: text/plain" "Lambda-Runtime-Function-Response-Mode: streaming" \
    "Transfer-Encoding: chunked" \
    "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body" "" >&3
  chunk "one "
  if [[ $event =~ gate[^a-z0-9]+([a-z0-9-]+) ]]; then
    gate=/tmp/${BASH_REMATCH[1]}
    : > "$gate.waiting"
    until [ -e "$gate.open" ]; do read -r -t 0.02 -u 9; done
  fi
  chunk "two"
  printf '0\r\n' >&3
  if [[ $event == *'"fail"'* ]]; then
    printf '%s\r\n' "Lambda-Runtime-Function-Error-Type: Custom.Refused" \
      "Lambda-Runtime-Function-Error-Body: eyJlcnJvck1lc3NhZ2UiOiAibm8ifQ==" >&3
  fi
  printf '\r\n' >&3
  receive
  exec 3>&-
done
"""


def files_for(runtime: str) -> dict[str, str]:
    """A deployment package for a Node.js, or for `python` or `bash` on a custom runtime."""
    if runtime == "python" and not Path("/usr/bin/python3").exists():
        pytest.skip("a custom runtime in Python needs /usr/bin/python3")
    return {"bash": {"bootstrap": BASH}, "python": {"bootstrap": PYTHON}}.get(
        runtime, {"index.js": NODE}
    )
