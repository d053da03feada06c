// Server-sent events with Hono: as many as `count` says. After the first it waits for a gate to open.
"use strict";

const fs = require("node:fs");
const { Hono } = require("hono");
const { streamHandle } = require("hono/aws-lambda");
const { setCookie } = require("hono/cookie");
const { streamSSE } = require("hono/streaming");

const app = new Hono();

app.get("/events", (context) => {
  const { count, gate } = context.req.query();
  setCookie(context, "seen", "yes", { path: "/" });
  return streamSSE(context, async (stream) => {
    await stream.writeSSE({ data: "0" });
    fs.writeFileSync(`/tmp/${gate}.waiting`, "");
    while (!fs.existsSync(`/tmp/${gate}.open`)) {
      await stream.sleep(10);
    }
    for (let number = 1; number < Number(count); number++) {
      await stream.writeSSE({ data: String(number) });
    }
  });
});

exports.handler = streamHandle(app);
