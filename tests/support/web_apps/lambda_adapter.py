#!/var/lang/bin/python3
"""An external extension that is the runtime of a web server: what AWS Lambda Web Adapter does.

Its own program is not in any package registry. This one has the same exchanges, in the same order,
and takes the same settings (AWS_LWA_*): it registers for no events and waits for ever, waits until the
server answers, and then asks the Runtime API for invocations itself, while the process that Lambda
takes for the runtime is the server.

https://github.com/awslabs/aws-lambda-web-adapter
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import threading
import time

RUNTIME_API = os.environ["AWS_LAMBDA_RUNTIME_API"]
INVOCATION = "/2018-06-01/runtime/invocation"
EXTENSION = "/2020-01-01/extension"
PORT = int(os.environ.get("AWS_LWA_PORT") or os.environ.get("PORT") or 8080)
READINESS = os.environ.get("AWS_LWA_READINESS_CHECK_PATH", "/")
PASS_THROUGH = os.environ.get("AWS_LWA_PASS_THROUGH_PATH", "/events")
IS_STREAMED = os.environ.get("AWS_LWA_INVOKE_MODE", "buffered").lower() == "response_stream"
TEXT = ("text/", "application/json", "application/javascript", "application/xml")
OF_THE_CONNECTION = ("connection", "transfer-encoding", "keep-alive")


def stay_registered():
    """Lambda starts no runtime, and ends no init phase, before an extension has asked for its next."""
    api = http.client.HTTPConnection(RUNTIME_API)
    name = {"Lambda-Extension-Name": "lambda-adapter"}
    api.request("POST", f"{EXTENSION}/register", '{ "events": [] }', name)
    registered = api.getresponse()
    registered.read()
    own = {"Lambda-Extension-Identifier": registered.headers["Lambda-Extension-Identifier"]}
    api.request("GET", f"{EXTENSION}/event/next", headers=own)
    api.getresponse().read()


def wait_until_ready():
    while True:
        server = http.client.HTTPConnection("127.0.0.1", PORT)
        try:
            server.request("GET", READINESS)
            if server.getresponse().status < 500:
                return
        except OSError:
            time.sleep(0.01)
        finally:
            server.close()


def request_of(event, head):
    """Method, path with query, body and headers; an event of another kind is posted as it is."""
    facts = {
        "x-amzn-lambda-context": json.dumps({"request_id": head["Lambda-Runtime-Aws-Request-Id"]})
    }
    if "http" not in event.get("requestContext", {}):
        headers = {**facts, "content-type": "application/json"}
        return "POST", PASS_THROUGH, json.dumps(event).encode(), headers
    context = event["requestContext"]
    headers = {**event["headers"], **facts, "x-amzn-request-context": json.dumps(context)}
    if event.get("cookies"):
        headers["cookie"] = "; ".join(event["cookies"])
    body = event.get("body") or ""
    content = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    query = event["rawQueryString"]
    return (
        context["http"]["method"],
        event["rawPath"] + (f"?{query}" if query else ""),
        content,
        headers,
    )


def head_of(answer):
    pairs = [(name.lower(), value) for name, value in answer.getheaders()]
    return {
        "statusCode": answer.status,
        "headers": {n: v for n, v in pairs if n != "set-cookie" and n not in OF_THE_CONNECTION},
        "cookies": [value for name, value in pairs if name == "set-cookie"],
    }


def whole(answer):
    head = head_of(answer)
    content = answer.read()
    kind = head["headers"].get("content-type", "")
    is_text = kind.startswith(TEXT) and "content-encoding" not in head["headers"]
    body = content.decode() if is_text else base64.b64encode(content).decode()
    return json.dumps({**head, "body": body, "isBase64Encoded": not is_text}).encode()


def pieces(answer):
    yield json.dumps(head_of(answer)).encode() + bytes(8)
    while piece := answer.read1(65_536):
        yield piece


def chunked(source):
    """The last chunk is followed by trailers when the server broke off."""
    error = None
    try:
        for piece in source:
            yield b"%x\r\n%b\r\n" % (len(piece), piece)
    except (OSError, http.client.HTTPException) as broken:
        error = json.dumps(
            {"errorType": type(broken).__name__, "errorMessage": str(broken)}
        ).encode()
    yield b"0\r\n"
    if error is not None:
        yield b"Lambda-Runtime-Function-Error-Type: Runtime.StreamError\r\n"
        yield b"Lambda-Runtime-Function-Error-Body: %b\r\n" % base64.b64encode(error)
    yield b"\r\n"


def respond(api, path, answer):
    if not IS_STREAMED:
        api.request("POST", path, whole(answer), {"Content-Type": "application/json"})
        return
    api.putrequest("POST", path)
    api.putheader("Content-Type", "application/vnd.awslambda.http-integration-response")
    api.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
    api.putheader("Trailer", "Lambda-Runtime-Function-Error-Type")
    api.putheader("Trailer", "Lambda-Runtime-Function-Error-Body")
    api.putheader("Transfer-Encoding", "chunked")
    api.endheaders()
    for chunk in chunked(pieces(answer)):
        api.send(chunk)


def serve(api):
    api.request("GET", f"{INVOCATION}/next")
    received = api.getresponse()
    event = json.loads(received.read())
    path = f"{INVOCATION}/{received.headers['Lambda-Runtime-Aws-Request-Id']}"
    server = http.client.HTTPConnection("127.0.0.1", PORT)
    try:
        server.request(*request_of(event, received.headers))
        respond(api, f"{path}/response", server.getresponse())
    except (OSError, http.client.HTTPException) as error:
        failure = json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)})
        api.request("POST", f"{path}/error", failure)
    finally:
        server.close()
    api.getresponse().read()


def main():
    threading.Thread(target=stay_registered, daemon=True).start()
    wait_until_ready()
    api = http.client.HTTPConnection(RUNTIME_API)
    while True:
        serve(api)


if __name__ == "__main__":
    main()
