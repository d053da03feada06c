"""What pages of other origins call: it says how it was called, and takes part in CORS if told to."""

from __future__ import annotations

import json

# Of this environment; no test calls two at a time.
METHODS: list[str] = []


def handler(event, context):
    """Answer with what came, and all methods that ever did."""
    method = event["requestContext"]["http"]["method"]
    METHODS.append(method)
    if event["rawPath"] == "/own-cors":
        return {"statusCode": 204 if method == "OPTIONS" else 200, "headers": own_cors(event)}
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json", "X-Answer": "42", "X-Hidden": "yes"},
        "cookies": ["session=opened"],
        "body": json.dumps(
            {
                "method": method,
                "methods": METHODS,
                "origin": event["headers"].get("origin"),
                "greeting": event["headers"].get("x-greeting"),
                "cookies": event.get("cookies", []),
                "body": event.get("body"),
            }
        ),
    }


def own_cors(event):
    """As functions answer whose URL has no CORS settings."""
    return {
        "Access-Control-Allow-Origin": event["headers"].get("origin", "*"),
        "Access-Control-Allow-Methods": "PATCH",
        "Access-Control-Allow-Headers": "x-greeting",
    }
