// Prints what AWS's SDK for JavaScript reads of a streamed invocation: a line of JSON for each event,
// when it comes. Arguments: the client's configuration and the request, as JSON.
"use strict";
const { InvokeWithResponseStreamCommand, LambdaClient } = require("@aws-sdk/client-lambda");

const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

async function read(configuration, request) {
  const client = new LambdaClient(configuration);
  const answer = await client.send(new InvokeWithResponseStreamCommand(request));
  say({ status: answer.StatusCode, version: answer.ExecutedVersion });
  for await (const event of answer.EventStream) {
    if (event.PayloadChunk) say({ chunk: Buffer.from(event.PayloadChunk.Payload).toString() });
    else say(event);
  }
}

read(...process.argv.slice(2).map((each) => JSON.parse(each))).catch((error) =>
  say({ error: error.name, message: error.message, status: error.$metadata?.httpStatusCode }),
);
