"""A small site on a function URL: pages, a style sheet, a picture, a form and cookies."""

from __future__ import annotations

import base64
import html
import urllib.parse

HOME = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>Greetings</title>
  <link rel="stylesheet" href="style.css">
</head>
<body>
  <h1>Greetings from a function</h1>
  <img id="picture" src="picture.png" alt="a small picture">
  <form method="post" action="greetings">
    <label>Your name <input name="name"></label>
    <label>Your wish <textarea name="wish"></textarea></label>
    <button>Greet me</button>
  </form>
</body>
</html>
"""
STYLE = "body { font-family: sans-serif; margin: 2em } h1 { color: rgb(0, 100, 0) }"
# Three pixels wide and two high.
PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAASFvFNAAAAD0lEQVR42mNgSGGAIjgLABeEAllvj7kh"
    "AAAAAElFTkSuQmCC"
)


def handler(event, context):
    """Answer a request in payload format 2.0."""
    route = event["requestContext"]["http"]["method"], event["rawPath"]
    return ROUTES.get(route, show_request)(event)


def home(event):
    return page(HOME)


def style(event):
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "text/css", "Cache-Control": "max-age=60"},
        "body": STYLE,
    }


def picture(event):
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "image/png"},
        "body": PICTURE,
        "isBase64Encoded": True,
    }


def take_form(event):
    """Keep what was written in cookies, and lead the browser to the page that shows it."""
    body = event["body"]
    if event["isBase64Encoded"]:
        body = base64.b64decode(body).decode()
    fields = urllib.parse.parse_qs(body, keep_blank_values=True, strict_parsing=True)
    name, wish = (urllib.parse.quote(fields[field][0]) for field in ("name", "wish"))
    return {
        "statusCode": 303,
        "headers": {"Location": "greetings"},
        "cookies": [f"name={name}; HttpOnly; SameSite=Lax", f"wish={wish}; Max-Age=600"],
    }


def greet(event):
    """Of whom the cookies know, counting the visits in another one."""
    kept = dict(cookie.split("=", 1) for cookie in event.get("cookies", []))
    name = html.escape(urllib.parse.unquote(kept.get("name", "stranger")))
    visit = int(kept.get("visits", 0)) + 1
    answer = page(f"<p id='greeting'>Hello, {name}!</p><p id='visit'>This is visit {visit}.</p>")
    return {**answer, "cookies": [f"visits={visit}; HttpOnly"]}


def show_request(event):
    """What the browser asked for, as the function got it."""
    asked = html.escape(f"{event['rawPath']}?{event['rawQueryString']}")
    first = html.escape(event.get("queryStringParameters", {}).get("q", "nothing"))
    shown = f"<p id='asked'>{asked}</p><p id='first'>{first}</p>"
    return {**page(shown), "statusCode": 404}


def page(body):
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "text/html; charset=utf-8"},
        "body": body,
    }


ROUTES = {
    ("GET", "/"): home,
    ("GET", "/style.css"): style,
    ("GET", "/picture.png"): picture,
    ("POST", "/greetings"): take_form,
    ("GET", "/greetings"): greet,
}
