// A function that does as it is told, on every Node.js that Lambda runs.
"use strict";

const fs = require("fs");

let calls = 0;

class Refused extends Error {
  constructor(message) {
    super(message);
    this.name = "Refused";
  }
}

const actions = {
  // Answers

  echo: (event) => event,

  nothing: () => undefined,

  unserializable: () => {
    const answer = {};
    answer.itself = answer;
    return answer;
  },

  notANumber: () => ({ answer: NaN }),

  // What it knows

  fields: (event, context) => ({
    request: context.awsRequestId,
    arn: context.invokedFunctionArn,
    name: context.functionName,
    version: context.functionVersion,
    memory: context.memoryLimitInMB,
    group: context.logGroupName,
    stream: context.logStreamName,
    remaining: context.getRemainingTimeInMillis(),
    custom: context.clientContext ? context.clientContext.custom : null,
    identity: context.identity ? context.identity.cognitoIdentityId : null,
    tenant: context.tenantId === undefined ? null : context.tenantId,
    trace: process.env._X_AMZN_TRACE_ID,
  }),

  surroundings: () => ({
    variables: { ...process.env },
    directory: process.cwd(),
    user: process.getuid(),
  }),

  // The reason each place cannot be written to, null where it can.
  writable: (event) =>
    Object.fromEntries(event.map((place) => [place, whyNotWritable(place)])),

  // How often this environment was asked, and whether what an earlier one wrote is there.
  count: () => {
    calls += 1;
    const kept = fs.existsSync("/tmp/kept");
    fs.writeFileSync("/tmp/kept", "");
    return [calls, kept];
  },

  // Errors and endings

  fail: (event) => {
    throw new Refused(event);
  },

  throwText: (event) => {
    throw event;
  },

  leave: (event) => process.exit(event),

  kill: (event) => {
    process.kill(process.pid, event);
    return new Promise(() => setInterval(() => {}, 1000));
  },

  reject: (event) => {
    Promise.reject(new Refused(event));
    return new Promise((resolve) => setTimeout(resolve, 1000));
  },

  throwLater: (event) =>
    new Promise(() => {
      setTimeout(() => {
        throw new Refused(event);
      }, 1);
    }),

  hoard: () => {
    const hoard = [];
    for (;;) hoard.push(Buffer.alloc(10_000_000, "x"));
  },

  sleep: (event) => new Promise((resolve) => setTimeout(resolve, event * 1000)),

  never: () => new Promise(() => {}),

  // Logs

  log: () => {
    console.warn("two\nlines");
    process.stdout.write("printed\n");
    process.stderr.write("to stderr\n");
  },

  logLevels: () => {
    console.trace("said at trace");
    console.debug("said at debug");
    console.info("said at info", { order: 7 });
    console.error("said at error");
    console.error(new Refused("logged"));
    process.stdout.write('{"printed": true}\n');
  },
};

function whyNotWritable(place) {
  try {
    fs.writeFileSync(`${place}/written`, "x");
  } catch (error) {
    return error.code;
  }
  return null;
}

exports.handler = async (event, context) => actions[event.do](event.with, context);
