"""The shop with Flask. tests/support/web_frameworks.py tells what a shop answers."""

from __future__ import annotations

import hashlib

from flask import Flask, Response, jsonify, redirect, request

PICTURE = bytes(range(256)) * 64

app = Flask(__name__)


@app.after_request
def allow_the_example(answer):
    if request.headers.get("Origin") == "https://www.example.com":
        answer.headers["Access-Control-Allow-Origin"] = "https://www.example.com"
        answer.headers["Access-Control-Allow-Methods"] = "GET, POST"
    return answer


@app.get("/")
def home():
    return "<!doctype html><h1>Café</h1>"


@app.get("/orders")
def orders():
    return {"tags": request.args.getlist("tag"), "q": request.args.get("q", "")}


@app.post("/orders")
def place():
    order = request.get_json()
    placed = {"id": 1, "item": order["item"], "count": order.get("count", 1)}
    return placed, 201, {"Location": "/orders/1"}


@app.get("/orders/<number>")
def order(number):
    return {"id": number}


@app.delete("/orders/<number>")
def cancel(number):
    return "", 204


@app.post("/login")
def login():
    answer = redirect("/me", code=303)
    answer.set_cookie("name", request.form["name"], httponly=True)
    answer.set_cookie("theme", request.form["theme"], max_age=3600)
    return answer


@app.get("/me")
def me():
    return {name: request.cookies.get(name, "") for name in ("name", "theme")}


@app.post("/pictures")
def upload():
    picture = request.files["picture"]
    return {
        "name": picture.filename,
        "caption": request.form["caption"],
        "sha256": hashlib.sha256(picture.read()).hexdigest(),
    }


@app.get("/picture")
def picture():
    return Response(PICTURE, mimetype="image/png")


@app.put("/picture")
def mirror():
    return Response(request.get_data(), mimetype="application/octet-stream")


@app.get("/request")
def request_facts():
    return jsonify(
        host=request.host,
        path=request.path,
        query=request.query_string.decode(),
        address=request.headers["X-Forwarded-For"],
        language=request.headers["Accept-Language"],
        agent=request.headers["User-Agent"],
    )


@app.get("/broken")
def broken():
    raise RuntimeError("a shelf fell over")
