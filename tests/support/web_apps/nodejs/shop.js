// The shop with Express. tests/support/web_frameworks.py tells what a shop answers.
"use strict";

const crypto = require("node:crypto");
const express = require("express");
const multer = require("multer");

const PICTURE = Buffer.concat(Array(64).fill(Buffer.from(Array.from({ length: 256 }, (_, i) => i))));

const app = express();

app.use((request, response, next) => {
  if (request.get("origin") === "https://www.example.com") {
    response.set("Access-Control-Allow-Origin", "https://www.example.com");
    response.set("Access-Control-Allow-Methods", "GET, POST");
  }
  if (request.method === "OPTIONS") {
    response.sendStatus(204);
  } else {
    next();
  }
});
app.use(express.json());
app.use(express.urlencoded({ extended: false }));

app.get("/", (request, response) => {
  response.send("<!doctype html><h1>Café</h1>");
});

app.get("/orders", (request, response) => {
  const { tag, q = "" } = request.query;
  response.json({ tags: [tag ?? []].flat(), q });
});

app.post("/orders", (request, response) => {
  const { item, count = 1 } = request.body;
  response.status(201).location("/orders/1").json({ id: 1, item, count });
});

app.get("/orders/:number", (request, response) => {
  response.json({ id: request.params.number });
});

app.delete("/orders/:number", (request, response) => {
  response.status(204).end();
});

app.post("/login", (request, response) => {
  response.cookie("name", request.body.name, { httpOnly: true });
  response.cookie("theme", request.body.theme, { maxAge: 3_600_000 });
  response.redirect(303, "/me");
});

app.get("/me", (request, response) => {
  const pairs = (request.get("cookie") ?? "").split("; ").map((pair) => pair.split("="));
  response.json({ name: "", theme: "", ...Object.fromEntries(pairs) });
});

app.post("/pictures", multer().single("picture"), (request, response) => {
  const { originalname, buffer } = request.file;
  const sha256 = crypto.createHash("sha256").update(buffer).digest("hex");
  response.json({ name: originalname, caption: request.body.caption, sha256 });
});

app.get("/picture", (request, response) => {
  response.type("image/png").send(PICTURE);
});

app.put("/picture", express.raw({ type: "*/*" }), (request, response) => {
  response.type("application/octet-stream").send(request.body);
});

app.get("/request", (request, response) => {
  const [path, query] = request.originalUrl.split("?");
  response.json({
    host: request.get("host"),
    path: decodeURIComponent(path),
    query,
    address: request.get("x-forwarded-for"),
    language: request.get("accept-language"),
    agent: request.get("user-agent"),
  });
});

app.get("/broken", () => {
  throw new Error("a shelf fell over");
});

// Express's own last handler waits for events of the socket; @codegenie/serverless-express 5.0 has one
// without events, and answers 500 then.
app.use((request, response) => {
  response.status(404).send("Not Found");
});
app.use((error, request, response, next) => {
  console.error(error);
  response.status(500).send("Internal Server Error");
});

module.exports = app;
