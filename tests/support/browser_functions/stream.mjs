// A page and server-sent events, written while somebody reads them: each part waits at a gate of
// tests/support/gates.py, which the query names.

import fs from "node:fs";

const NEWS = `<!doctype html>
<meta charset="utf-8">
<title>News</title>
<h1>News</h1>
<ol id="news"></ol>
<p id="state">waiting</p>
<script>
  const state = document.getElementById("state");
  const source = new EventSource(new URLSearchParams(location.search).get("from"));
  source.onopen = () => { state.textContent = "open"; };
  source.onmessage = ({ data, lastEventId }) => {
    const item = document.createElement("li");
    item.textContent = lastEventId + ": " + data;
    document.getElementById("news").append(item);
  };
  source.addEventListener("end", () => { source.close(); state.textContent = "ended"; });
  source.onerror = () => { state.textContent = source.readyState === 2 ? "closed" : "again"; };
</script>
`;

const ROUTES = {
  "/": newsPage,
  "/events": events,
  "/part": partOfEvents,
  "/page": growingPage,
};

export const handler = awslambda.streamifyResponse(async (event, responseStream) => {
  await (ROUTES[event.rawPath] ?? notFound)(event, responseStream);
});

async function newsPage(event, responseStream) {
  answer(responseStream, 200, "text/html; charset=utf-8").end(NEWS);
}

async function events(event, responseStream) {
  const stream = answer(responseStream, 200, "text/event-stream");
  for (let number = 1; number <= 3; number += 1) {
    await passGate(`${event.queryStringParameters.gate}-${number}`);
    stream.write(`id: ${number}\ndata: fürs Protokoll, Teil ${number}\n\n`);
  }
  stream.end("event: end\ndata:\n\n");
}

// Two events a connection, as a function with a short time-out would send them: the browser comes
// back by itself and says what it has; 204 tells it not to.
async function partOfEvents(event, responseStream) {
  const last = Number(event.headers["last-event-id"] ?? 0);
  if (last >= 4) {
    answer(responseStream, 204, "text/plain").end();
    return;
  }
  const stream = answer(responseStream, 200, "text/event-stream");
  stream.write("retry: 1\n\n");
  for (const number of [last + 1, last + 2]) {
    stream.write(`id: ${number}\ndata: one of two\n\n`);
  }
  stream.end();
}

async function growingPage(event, responseStream) {
  const stream = answer(responseStream, 200, "text/html; charset=utf-8");
  stream.write("<!doctype html><title>Report</title><h1>Report</h1><p id='first'>The first part.</p>");
  await passGate(event.queryStringParameters.gate);
  stream.end("<p id='second'>The second part.</p>");
}

// Browsers ask for /favicon.ico.
async function notFound(event, responseStream) {
  answer(responseStream, 404, "text/plain").end("There is nothing here.");
}

// The runtime sends status and headers before the first thing written, and forgets them if that is
// given to `end` (aws-lambda-nodejs-runtime-interface-client, issue 97).
function answer(responseStream, statusCode, type) {
  const headers = { "Content-Type": type, "Cache-Control": "no-store" };
  const stream = awslambda.HttpResponseStream.from(responseStream, { statusCode, headers });
  stream.write("");
  return stream;
}

async function passGate(name) {
  fs.writeFileSync(`/tmp/${name}.waiting`, "");
  while (!fs.existsSync(`/tmp/${name}.open`)) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
