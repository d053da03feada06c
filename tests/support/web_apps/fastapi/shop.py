"""The shop with FastAPI. tests/support/web_frameworks.py tells what a shop answers."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastapi import Cookie, FastAPI, Form, Query, Request, Response, UploadFile
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse
from pydantic import BaseModel

PICTURE = bytes(range(256)) * 64
started = []


@asynccontextmanager
async def lifespan(app: FastAPI):
    started.append("ready")
    yield


app = FastAPI(lifespan=lifespan)
app.add_middleware(
    CORSMiddleware, allow_origins=["https://www.example.com"], allow_methods=["GET", "POST"]
)
app.add_middleware(GZipMiddleware)


class Order(BaseModel):
    item: str
    count: int = 1


@app.api_route("/", methods=["GET", "HEAD"], response_class=HTMLResponse)
async def home():
    return "<!doctype html><h1>Café</h1>"


@app.get("/orders")
async def orders(tag: Annotated[list[str], Query()] = [], q: str = ""):  # noqa: B006  # FastAPI's way
    return {"tags": tag, "q": q}


@app.post("/orders", status_code=201)
async def place(order: Order, response: Response):
    response.headers["Location"] = "/orders/1"
    return {"id": 1, "item": order.item, "count": order.count}


@app.get("/orders/{number}")
async def order(number: str):
    return {"id": number}


@app.delete("/orders/{number}", status_code=204)
async def cancel(number: str):
    return None


@app.post("/login")
async def login(name: Annotated[str, Form()], theme: Annotated[str, Form()]):
    answer = RedirectResponse("/me", status_code=303)
    answer.set_cookie("name", name, httponly=True)
    answer.set_cookie("theme", theme, max_age=3600)
    return answer


@app.get("/me")
async def me(name: Annotated[str, Cookie()] = "", theme: Annotated[str, Cookie()] = ""):
    return {"name": name, "theme": theme}


@app.post("/pictures")
async def upload(picture: UploadFile, caption: Annotated[str, Form()]):
    content = await picture.read()
    return {
        "name": picture.filename,
        "caption": caption,
        "sha256": hashlib.sha256(content).hexdigest(),
    }


@app.get("/picture")
async def picture():
    return Response(PICTURE, media_type="image/png")


@app.put("/picture")
async def mirror(request: Request):
    return Response(await request.body(), media_type="application/octet-stream")


@app.get("/request")
async def request_facts(request: Request):
    return {
        "host": request.url.netloc,
        "path": request.url.path,
        "query": request.url.query,
        "address": request.headers["x-forwarded-for"],
        "language": request.headers["accept-language"],
        "agent": request.headers["user-agent"],
    }


@app.get("/broken")
async def broken():
    raise RuntimeError("a shelf fell over")


@app.get("/die")
async def die():
    os._exit(3)


@app.get("/lifespan")
async def lifespan_facts():
    return {"started": started}


def _events(count: int, gate: str):
    """After the first it waits for a gate to open."""
    yield "data: 0\n\n"
    Path(f"/tmp/{gate}.waiting").touch()
    while not Path(f"/tmp/{gate}.open").exists():
        time.sleep(0.01)
    for number in range(1, count):
        yield f"data: {number}\n\n"


@app.get("/events")
async def events(count: int, gate: str):
    answer = StreamingResponse(_events(count, gate), media_type="text/event-stream")
    answer.set_cookie("seen", "yes")
    return answer
