// A stem cell: a runtime's process that was started before there was a function for it. It waits in
// its sandbox to be told, over a connection to the Runtime API's address, where nobody else can be yet.

import { connect } from "node:net";

// Takes on the function's environment and directory; the process ends with the server. What Node
// reads only when it starts (NODE_OPTIONS and the like) it has read: the server looks to that.
export async function becomeFunction() {
  const { environment, directory } = JSON.parse(await receiveOrder());
  for (const name of Object.keys(process.env)) {
    if (!(name in environment)) delete process.env[name];
  }
  Object.assign(process.env, environment);
  process.chdir(directory);
}

async function receiveOrder() {
  const address = process.env.AWS_LAMBDA_RUNTIME_API;
  const colon = address.lastIndexOf(":");
  const connection = connect({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)) });
  const chunks = [];
  for await (const chunk of connection) chunks.push(chunk);
  if (chunks.length === 0) process.exit(0); // the server has no use for this one
  return Buffer.concat(chunks).toString();
}
