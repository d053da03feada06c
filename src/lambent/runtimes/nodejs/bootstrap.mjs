// What a Node.js function's process runs: AWS's runtime interface client over our transport.

import Module from "node:module";
import { pathToFileURL } from "node:url";
import * as runtimeClient from "./runtime_client.mjs";

if (process.env._HANDLER === undefined) {
  // Started ahead of any function (docs/design.md, D6).
  const { becomeFunction } = await import("./stem.mjs");
  await becomeFunction();
}

const { LAMBDA_RUNTIME_DIR, LAMBDA_TASK_ROOT, _HANDLER } = process.env;
const clientDirectory = `${LAMBDA_RUNTIME_DIR}/aws-lambda-ric/`;

// The client loads its native addon by this name; it gets our transport instead, and a function's
// own addons are loaded as ever.
const loadAddon = Module._extensions[".node"];
Module._extensions[".node"] = (module, filename) => {
  const isTransport = filename.endsWith("/rapid-client.node") && filename.includes("/aws-lambda-ric/");
  if (isTransport) module.exports = { ...runtimeClient };
  else loadAddon(module, filename);
};

const { main } = Module.createRequire(clientDirectory)("./package.json");
const client = await import(pathToFileURL(clientDirectory + main));
// Release 4 runs by itself when it is imported; release 3 wants to be told what to run. (Its own
// start file would print a line into the function's log.)
if (client.run) await client.run(LAMBDA_TASK_ROOT, _HANDLER);
