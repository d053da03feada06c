#!/usr/bin/python3
"""A custom runtime that streams, for `provided` functions.

An event asks for so many `pieces` of so many `bytes`, the first of them `hold` seconds before the
others. Each begins with the time at which it was written.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import time

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
INVOCATION = "/2018-06-01/runtime/invocation"


def chunk(size: int) -> bytes:
    stamp = b"at %d;" % time.time_ns()
    return b"%x\r\n%b\r\n" % (size, stamp.ljust(size, b"."))


def stream(request_id: str, event: dict[str, float]) -> None:
    size = int(event.get("bytes", 32))
    host, _, port = API.partition(":")
    with socket.create_connection((host, int(port))) as connection:
        # Head and first piece in one write, as Node.js does it.
        connection.sendall(
            f"POST {INVOCATION}/{request_id}/response HTTP/1.1\r\nHost: runtime\r\n"
            "Content-Type: text/plain\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
            + chunk(size)
        )
        time.sleep(event.get("hold", 0))
        for _ in range(int(event.get("pieces", 1)) - 1):
            connection.sendall(chunk(size))
        connection.sendall(b"0\r\n\r\n")
        connection.recv(4096)


def main() -> None:
    polling = http.client.HTTPConnection(API)
    while True:
        polling.request("GET", f"{INVOCATION}/next")
        following = polling.getresponse()
        event = json.load(following)
        told = json.loads(event["body"]) if "body" in event else event  # of a function URL
        stream(following.headers["Lambda-Runtime-Aws-Request-Id"], told)


main()
