// Brings one file onto a fleet of machines, and acts on those that do not get it.
//
// usage: rollout.mjs --server HOST:PORT --file ROOT/PATH --fleet FLEET.json
//                    --proto DIRECTORY... [--port N] [--max-wait SECONDS] [--rounds N]
//
// The same as ../python/rollout.py, which says more. A DIRECTORY each is
// this project's proto/ and third_party/. Needs @grpc/grpc-js and @grpc/proto-loader.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const CALL_TIMEOUT_MS = 30_000;
const WATCH_PAUSE_MS = 1_000;

const FINAL = new Set([
  'SESSION_STATE_SUCCEEDED',
  'SESSION_STATE_PARTIALLY_SUCCEEDED',
  'SESSION_STATE_FAILED',
  'SESSION_STATE_CANCELLED',
  'SESSION_STATE_EXPIRED',
  'SESSION_STATE_INTERRUPTED',
]);

// What is safe to try again while the service is away: to make a session is, as it
// has a request id.
const SERVICE_CONFIG = JSON.stringify({
  methodConfig: [
    {
      name: [
        { service: 'tcptool.v1.SessionService', method: 'CreateSession' },
        { service: 'tcptool.v1.SessionService', method: 'RetrySession' },
        { service: 'tcptool.v1.SessionService', method: 'GetSession' },
      ],
      retryPolicy: {
        maxAttempts: 5,
        initialBackoff: '0.1s',
        maxBackoff: '2s',
        backoffMultiplier: 2,
        retryableStatusCodes: ['UNAVAILABLE'],
      },
    },
  ],
});

const say = (what) => process.stdout.write(JSON.stringify(what) + '\n');

function connect(server, protoDirectories) {
  const definition = protoLoader.loadSync('tcptool/v1/session_service.proto', {
    includeDirs: protoDirectories,
    keepCase: true,
    enums: String,
    longs: String, // Revisions are beyond what a number holds exactly.
    defaults: true,
    oneofs: true,
  });
  const { SessionService } = grpc.loadPackageDefinition(definition).tcptool.v1;
  return new SessionService(server, grpc.credentials.createInsecure(), {
    'grpc.service_config': SERVICE_CONFIG,
    // A watch of a host that is gone would wait for ever.
    'grpc.keepalive_time_ms': 10_000,
    'grpc.keepalive_timeout_ms': 10_000,
  });
}

// One call whose answer is a session.
function call(service, method, request) {
  return new Promise((resolve, reject) => {
    service[method](request, { deadline: Date.now() + CALL_TIMEOUT_MS }, (error, session) =>
      error ? reject(error) : resolve(session),
    );
  });
}

// A session that expects all machines.
function create(service, options, fleet, rollout) {
  const slash = options.file.indexOf('/');
  const spec = {
    file: { root: options.file.slice(0, slash), path: options.file.slice(slash + 1) },
    listener: { port: options.port },
    expected: [...fleet].sort().map(([label, address]) => ({ address, label })),
    // Nobody else gets the file.
    allow: [...new Set(fleet.values())].sort(),
    start: { ignore_start_byte: true, max_wait: { seconds: options.maxWait } },
    labels: { rollout },
    // After max_wait and a moment nobody has come: the round is over.
    expire_after: { seconds: options.maxWait + 1 },
  };
  return call(service, 'CreateSession', { session: { spec }, request_id: rollout });
}

// A session for those whom another has not reached; null if that was deleted.
async function retry(service, name, requestId) {
  try {
    return await call(service, 'RetrySession', { name, request_id: requestId });
  } catch (error) {
    // A file that is missing is NOT_FOUND too; so is its root.
    if (error.code === grpc.status.NOT_FOUND && !(await exists(service, name))) return null;
    throw error;
  }
}

// Whether there is a session of this name.
async function exists(service, name) {
  try {
    await call(service, 'GetSession', { name });
  } catch (error) {
    if (error.code === grpc.status.NOT_FOUND) return false;
    throw error;
  }
  return true;
}

// The changes of a session until it is final or deleted. Survives the service's restart.
async function* watch(service, name) {
  const request = { names: [name], include_recipients: true };
  let ended = false;
  for (;;) {
    const stream = service.WatchSessions(request);
    try {
      for await (const message of stream) {
        for (const change of message.changes) {
          if (change.deleted_name === name) return;
          ended ||= change.change === 'session' && FINAL.has(change.session.state);
          yield change;
        }
        if (message.bookmark) {
          // All up to here was said; a later watch goes on from here.
          if (ended) return;
          request.resume_revision = message.revision;
        }
      }
    } catch (error) {
      if (error.code === grpc.status.OUT_OF_RANGE) {
        delete request.resume_revision; // Too long ago: from a new snapshot.
      } else if (error.code === grpc.status.NOT_FOUND) {
        return; // Deleted while nobody watched.
      } else if (error.code === grpc.status.UNAVAILABLE) {
        await sleep(WATCH_PAUSE_MS);
      } else {
        throw error;
      }
    } finally {
      stream.cancel();
    }
  }
}

// Takes those who get the file from `missing`, until the session is over.
async function follow(service, name, missing) {
  const told = new Map();
  for await (const { change, recipient } of watch(service, name)) {
    if (change !== 'recipient') continue;
    const { label, state, detail } = recipient;
    if (label && told.get(label) !== state) {
      told.set(label, state);
      say({ event: 'machine', machine: label, state, detail });
    }
    if (state === 'RECIPIENT_STATE_DELIVERED') missing.delete(label);
  }
}

const { values } = parseArgs({
  options: {
    server: { type: 'string', default: '127.0.0.1:9875' },
    file: { type: 'string' },
    fleet: { type: 'string' },
    proto: { type: 'string', multiple: true },
    port: { type: 'string', default: '0' },
    'max-wait': { type: 'string', default: '60' },
    rounds: { type: 'string', default: '3' },
  },
});
for (const name of ['file', 'fleet', 'proto']) {
  if (values[name] === undefined) {
    process.stderr.write(`rollout.mjs: --${name} is required\n`);
    process.exit(2);
  }
}
const options = {
  file: values.file,
  port: Number(values.port),
  maxWait: Number(values['max-wait']),
};
const fleet = new Map(Object.entries(JSON.parse(readFileSync(values.fleet, 'utf8'))));
const missing = new Set(fleet.keys());
const rollout = randomUUID().slice(0, 8);
const service = connect(values.server, values.proto);
let session = await create(service, options, fleet, rollout);
for (let number = 1; session !== null; ++number) {
  say({ event: 'round', number, session: session.name, address: session.data_endpoint });
  await follow(service, session.name, missing);
  if (missing.size === 0 || number >= Number(values.rounds)) break;
  session = await retry(service, session.name, `${rollout}-${number}`);
}
service.close();
say({ event: 'end', missing: [...missing].sort() });
process.exitCode = missing.size > 0 ? 1 : 0;
