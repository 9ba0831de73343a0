// Calls a service by the official client of the Connect protocol, and prints what came of
// it as JSON, a line for each step.
//
// usage: connect_client.mjs BASE_URL DESCRIPTORS [TOKEN [CA]]
// DESCRIPTORS: a FileDescriptorSet of the API's protos, as protoc writes it.

import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";

const [baseUrl, descriptors, token, ca] = process.argv.slice(2);
const registry = createFileRegistry(
  fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)),
);
const ErrorInfo = registry.getMessage("google.rpc.ErrorInfo");

function authorize(next) {
  return (request) => {
    if (token) request.header.set("Authorization", `Bearer ${token}`);
    return next(request);
  };
}

function report(step, facts) {
  console.log(JSON.stringify({ step, ...facts }));
}

async function forEach(stream, react) {
  for await (const message of stream) react(message);
}

async function failure(call) {
  try {
    await call();
    return { code: "none" };
  } catch (error) {
    const connectError = ConnectError.from(error);
    const [info] = connectError.findDetails(ErrorInfo);
    return { code: Code[connectError.code], reason: info?.reason };
  }
}

async function tryAll(useBinaryFormat) {
  const transport = createConnectTransport({
    baseUrl,
    httpVersion: "1.1",
    useBinaryFormat,
    interceptors: [authorize],
    nodeOptions: ca ? { ca: readFileSync(ca) } : {},
  });
  const client = (name) => createClient(registry.getService(`tcptool.v1.${name}`), transport);
  const sessions = client("SessionService");

  const node = await client("NodeService").getNode({});
  report("node", { version: node.version });

  const created = await sessions.createSession({
    session: {
      spec: { source: { case: "file", value: { root: "files", path: "content" } } },
    },
  });
  report("created", { name: created.name });

  // Until it is deleted, which comes as a change.
  const states = [];
  let isDeleted = false;
  for await (const message of sessions.watchSessions({ names: [created.name] })) {
    states.push(...message.changes.map(({ change }) => change.case));
    if (states.includes("deletedName")) break;
    if (message.bookmark && !isDeleted) {
      isDeleted = true;
      await sessions.deleteSession({ name: created.name, force: true });
    }
  }
  report("watched", { first: states[0], last: states.at(-1) });

  report("absent", await failure(() => sessions.getSession({ name: "sessions/absent" })));
  report(
    "late",
    await failure(() => forEach(sessions.watchSessions({}, { timeoutMs: 300 }), () => {})),
  );
  const controller = new AbortController();
  report(
    "aborted",
    await failure(() =>
      forEach(sessions.watchSessions({}, { signal: controller.signal }), () =>
        controller.abort(),
      ),
    ),
  );
  report(
    "upload",
    await failure(() =>
      sessions.uploadContent(
        (async function* () {
          yield {};
        })(),
      ),
    ),
  );
}

await tryAll(false);
await tryAll(true);
// Not when Node's agent has closed its idle connections.
process.exit(0);
