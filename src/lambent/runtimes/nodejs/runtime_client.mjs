// The transport of AWS's Node.js runtime interface client: what its native addon offers, on a socket
// of Node's own. One kept connection, one request at a time, answered in order.
//
// The addon's `done` and `error` return when the request was answered. These return when it was
// written; the next request waits for the answer, so that the platform sees the same order.

import { connect } from "node:net";

const INVOCATION = "/2018-06-01/runtime/invocation/";
const END_OF_HEAD = Buffer.from("\r\n\r\n");
const MAX_HEAD_BYTES = 1024 * 1024;
const MAX_CAUSE_BYTES = 1024 * 1024; // what AWS's Python client allows itself
// Some of AWS's own clients' headers are set only when there is something in them.
const HEADERS = [
  "lambda-runtime-aws-request-id",
  "lambda-runtime-trace-id",
  "lambda-runtime-invoked-function-arn",
  "lambda-runtime-client-context",
  "lambda-runtime-cognito-identity",
  "lambda-runtime-aws-tenant-id",
];

class Disconnected extends Error {}

class Connection {
  constructor(address) {
    const colon = address.lastIndexOf(":");
    this.address = { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
    this.common = `Host: ${address}\r\nUser-Agent: aws-lambda-nodejs/${process.version}\r\n`;
    this.socket = undefined;
    this.waiting = []; // requests, the first of which is being answered
    this.chunks = [];
    this.received = 0; // bytes in `chunks`
    this.answer = undefined; // the head of the answer that is being received
  }

  request(method, path, headers = "", body = "") {
    const head = `${method} ${path} HTTP/1.1\r\n${this.common}${headers}\r\n`;
    return new Promise((resolve, reject) => {
      this.waiting.push({ head, body, resolve, reject, isRetried: false });
      if (this.waiting.length === 1) this.send();
    });
  }

  send() {
    const { head, body } = this.waiting[0];
    if (this.socket === undefined) this.open();
    // Node must stay alive for an answer and may end without one: a handler that waits for
    // nothing has finished (context.callbackWaitsForEmptyEventLoop).
    this.socket.ref();
    this.socket.cork();
    this.socket.write(head, "utf8");
    if (body) this.socket.write(body, "utf8");
    this.socket.uncork();
  }

  open() {
    const socket = connect({ ...this.address, noDelay: true });
    socket.setNoDelay(true); // Node 16.16 and earlier know no such option of connect
    socket.on("data", (chunk) => this.receive(chunk));
    socket.on("error", (error) => this.lose(socket, error));
    socket.on("close", () => this.lose(socket, new Disconnected("the Runtime API hung up")));
    this.socket = socket;
  }

  lose(socket, error) {
    if (this.socket !== socket) return;
    const wasAnswering = this.received > 0 || this.answer !== undefined;
    this.forget();
    const [request] = this.waiting;
    if (request === undefined) return; // an idle connection
    if (request.isRetried || wasAnswering) {
      this.waiting.shift();
      request.reject(error);
      if (this.waiting.length > 0) this.send();
    } else {
      request.isRetried = true; // the server may close a kept connection at any time, once
      this.send();
    }
  }

  forget() {
    this.socket.destroy();
    this.socket = undefined;
    this.chunks = [];
    this.received = 0;
    this.answer = undefined;
  }

  receive(chunk) {
    this.chunks.push(chunk);
    this.received += chunk.length;
    if (this.answer === undefined) this.receiveHead();
    if (this.answer === undefined || this.received < this.answer.length) return;
    const answer = { ...this.answer, body: this.take(this.answer.length) };
    this.answer = undefined;
    this.socket.unref();
    if (answer.headers.connection === "close") this.forget();
    this.waiting.shift().resolve(answer);
    if (this.waiting.length > 0) this.send();
  }

  receiveHead() {
    const received = this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks);
    this.chunks = [received];
    const end = received.indexOf(END_OF_HEAD);
    if (end < 0) {
      if (received.length > MAX_HEAD_BYTES) this.socket.destroy(new Error("endless headers"));
      return;
    }
    const [statusLine, ...lines] = this.take(end + END_OF_HEAD.length).toString().split("\r\n");
    const headers = {};
    for (const line of lines) {
      const colon = line.indexOf(":");
      if (colon > 0) headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const length = Number(headers["content-length"] ?? 0);
    this.answer = { status: Number(statusLine.split(" ")[1]), headers, length };
  }

  take(length) {
    const received = this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks);
    this.chunks = received.length > length ? [received.subarray(length)] : [];
    this.received = received.length - length;
    return received.subarray(0, length);
  }
}

const connection = new Connection(process.env.AWS_LAMBDA_RUNTIME_API);

export async function next() {
  const { status, headers, body } = await connection.request("GET", `${INVOCATION}next`);
  if (status !== 200) throw new Error(`Failed to get next invocation, error ${status}`);
  const known = { "lambda-runtime-deadline-ms": Number(headers["lambda-runtime-deadline-ms"]) };
  for (const name of HEADERS) {
    if (headers[name]) known[name] = headers[name];
  }
  return { bodyJson: body.toString("utf8"), headers: known };
}

export function done(id, body) {
  post(`${id}/response`, body, "");
}

export function error(id, body, xrayCause) {
  const isSent = xrayCause && Buffer.byteLength(xrayCause) < MAX_CAUSE_BYTES;
  const header = isSent ? `lambda-runtime-function-xray-error-cause: ${xrayCause}\r\n` : "";
  post(`${id}/error`, body, header);
}

function post(path, body, header) {
  const length = Buffer.byteLength(body);
  const headers = `Content-Type: application/json\r\nContent-Length: ${length}\r\n${header}`;
  // Like the addon, which has no way to tell: a refusal (a response that is too large) is the
  // platform's to report, and the function goes on with its next invocation.
  connection.request("POST", INVOCATION + path, headers, body).catch(() => {});
}
