// Has nodes of a fleet get a file of one of them, and acts on those that do not.
//
// usage: distribute.mjs --server HOST:PORT[,...] --file NODE:ROOT/PATH --as ROOT/PATH
//                       --proto DIRECTORY... [--to NODE,...] [--expire-after SECONDS]
//                       [--retries N] [--on-failure COMMAND] [--tls-ca FILE]
//                       [--tls-cert FILE --tls-key FILE] [--token-file FILE]
//
// The same as ../python/distribute.py, which says more. A DIRECTORY each is
// this project's proto/ and third_party/. Needs @grpc/grpc-js and @grpc/proto-loader.
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const CALL_TIMEOUT_MS = 30_000;
const PAUSE_MS = 1_000;
// How often each server is asked before it is given up.
const ATTEMPTS = 10;

// Each call here is safe to try again: to create is by the request id.
const TRY_AGAIN = new Set([grpc.status.UNAVAILABLE, grpc.status.DEADLINE_EXCEEDED]);

const GOES_ON = new Set(['DISTRIBUTION_STATE_PLANNING', 'DISTRIBUTION_STATE_RUNNING']);
// Not tried again. Who has cancelled it has meant that.
const IS_OVER = new Set(['DISTRIBUTION_STATE_SUCCEEDED', 'DISTRIBUTION_STATE_CANCELLED']);

const say = (what) => process.stdout.write(JSON.stringify(what) + '\n');
const complain = (text) => process.stderr.write(`distribute.mjs: ${text}\n`);

// [what is before the separator, what is behind it]
function split(text, separator) {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}

// The API of whichever server answers.
class Fleet {
  // credentials: a function that makes those of a channel.
  constructor(servers, credentials, protoDirectories) {
    const definition = protoLoader.loadSync('tcptool/v1/distribution_service.proto', {
      includeDirs: protoDirectories,
      keepCase: true,
      enums: String,
      longs: String, // Revisions are beyond what a number holds exactly.
      defaults: true,
      oneofs: true,
    });
    this.Api = grpc.loadPackageDefinition(definition).tcptool.v1.DistributionService;
    this.servers = servers;
    this.credentials = credentials;
    this.turn();
  }

  // To the first server, or the next.
  turn() {
    if (this.api) {
      this.api.close();
      this.servers = [...this.servers.slice(1), this.servers[0]];
    }
    say({ event: 'server', server: this.servers[0] });
    // A watch of a host that is gone would wait for ever.
    this.api = new this.Api(this.servers[0], this.credentials(), {
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 10_000,
    });
  }

  async call(method, request) {
    for (let attempt = ATTEMPTS * this.servers.length; ; --attempt) {
      try {
        return await new Promise((resolve, reject) => {
          this.api[method](request, { deadline: Date.now() + CALL_TIMEOUT_MS }, (error, answer) =>
            error ? reject(error) : resolve(answer),
          );
        });
      } catch (error) {
        if (!TRY_AGAIN.has(error.code) || attempt === 1) throw error;
      }
      await sleep(PAUSE_MS);
      this.turn();
    }
  }
}

function create(fleet, options) {
  const [node, file] = split(options.file, ':');
  const [root, path] = split(file, '/');
  const [destinationRoot, destinationPath] = split(options.as, '/');
  const spec = {
    file: { node, root, path },
    targets: options.to ? { nodes: options.to.split(',') } : { all: true },
    destination: { root: destinationRoot, path: destinationPath },
    // Nodes that are not there are waited for so long.
    expire_after: { seconds: Number(options['expire-after']) },
  };
  return fleet.call('CreateDistribution', { distribution: { spec }, request_id: randomUUID() });
}

// The distribution as it changes, or null once it is deleted. Goes on with another server
// when one is away.
async function* watch(fleet, name) {
  let unknown = 0;
  for (;;) {
    const stream = fleet.api.WatchDistributions({ names: [name] });
    try {
      for await (const message of stream) {
        for (const { change, distribution } of message.changes) {
          if (change === 'deleted_name') {
            yield null;
            return;
          }
          yield distribution;
        }
      }
    } catch (error) {
      if (error.code === grpc.status.NOT_FOUND) {
        // What one node was asked for, another may know a moment later.
        if (++unknown === ATTEMPTS) {
          yield null;
          return;
        }
      } else if (TRY_AGAIN.has(error.code)) {
        fleet.turn();
      } else {
        throw error;
      }
    } finally {
      stream.cancel();
    }
    await sleep(PAUSE_MS);
  }
}

const endOf = (distribution) => JSON.stringify(distribution.end_time ?? null);

// Until it has ended, once more than `endedBefore`; null if it was deleted.
async function follow(fleet, name, endedBefore) {
  let told;
  for await (const distribution of watch(fleet, name)) {
    if (distribution === null) return null;
    const { state, detail, counts } = distribution;
    // This node has not heard yet that it goes on.
    if (!GOES_ON.has(state) && endOf(distribution) === endedBefore) continue;
    const delivered = counts?.delivered ?? 0;
    if (told !== `${state} ${delivered}`) {
      say({ event: 'progress', detail, state, delivered });
      told = `${state} ${delivered}`;
    }
    if (!GOES_ON.has(state)) return distribution;
  }
}

async function deliveries(fleet, name) {
  const found = [];
  let page_token = '';
  do {
    const answer = await fleet.call('ListDeliveries', { parent: name, page_token });
    found.push(...answer.deliveries);
    page_token = answer.next_page_token;
  } while (page_token);
  return found;
}

function actOn({ node, state, detail }, command) {
  say({ event: 'node', node, state, detail });
  if (!command) return;
  // What it prints is not one of the lines of this program.
  const ended = spawnSync(command, [node, state, detail], { stdio: ['ignore', 2, 2] });
  if (ended.error) {
    // It was there at the start.
    complain(`cannot run ${command} for ${node}: ${ended.error.code}`);
  } else if (ended.status !== 0) {
    complain(`${command} for ${node} ended with ${ended.status ?? ended.signal}`);
  }
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

// Whether there is such a program: a path, or a name that is looked for as the shell does.
function canRun(command) {
  if (command.includes('/')) return isProgram(command);
  return (process.env.PATH ?? '').split(delimiter).some((one) => isProgram(join(one, command)));
}

// The options, or an Error that says what is wrong with them.
function parse() {
  const { values } = parseArgs({
    options: {
      server: { type: 'string', default: '127.0.0.1:9875' },
      file: { type: 'string' },
      as: { type: 'string' },
      proto: { type: 'string', multiple: true },
      to: { type: 'string', default: '' },
      'expire-after': { type: 'string', default: '3600' },
      retries: { type: 'string', default: '2' },
      'on-failure': { type: 'string', default: '' },
      'tls-ca': { type: 'string' },
      'tls-cert': { type: 'string' },
      'tls-key': { type: 'string' },
      'token-file': { type: 'string' },
    },
  });
  for (const name of ['file', 'as', 'proto']) {
    if (values[name] === undefined) throw new Error(`--${name} is required`);
  }
  for (const name of ['expire-after', 'retries']) {
    if (!/^\d+$/.test(values[name])) throw new Error(`--${name}: ${values[name]} is no number`);
  }
  const has = (name) => values[name] !== undefined;
  if (!has('tls-ca') && (has('tls-cert') || has('tls-key') || has('token-file'))) {
    throw new Error(
      '--tls-cert, --tls-key and --token-file want --tls-ca: what they show is for TLS alone',
    );
  }
  if (has('tls-cert') !== has('tls-key')) throw new Error('--tls-cert and --tls-key go together');
  const command = values['on-failure'];
  // Not when it is needed, after hours.
  if (command && !canRun(command)) {
    throw new Error(`--on-failure: ${command}: there is no such program to run`);
  }
  return values;
}

// Of a channel. Each time anew, as the files may have been replaced.
function credentialsOf(options) {
  if (!options['tls-ca']) return grpc.credentials.createInsecure();
  const read = (name) => (options[name] ? readFileSync(options[name]) : null);
  const tls = grpc.credentials.createSsl(read('tls-ca'), read('tls-key'), read('tls-cert'));
  if (!options['token-file']) return tls;
  const metadata = new grpc.Metadata();
  metadata.set('authorization', `Bearer ${read('token-file').toString('ascii').trim()}`);
  return grpc.credentials.combineChannelCredentials(
    tls,
    grpc.credentials.createFromMetadataGenerator((_, done) => done(null, metadata)),
  );
}

// The exit status.
async function run(options) {
  const fleet = new Fleet(options.server.split(','), () => credentialsOf(options), options.proto);
  try {
    return await distribute(fleet, options);
  } finally {
    fleet.api.close();
  }
}

async function distribute(fleet, options) {
  let distribution = await create(fleet, options);
  const { name } = distribution;
  say({ event: 'distribution', name });
  for (let retriesLeft = Number(options.retries); ; --retriesLeft) {
    distribution = await follow(fleet, name, endOf(distribution));
    if (distribution === null) {
      say({ event: 'end', state: 'DELETED', missing: [] });
      return 1;
    }
    const all = await deliveries(fleet, name);
    const missing = all.filter((delivery) => delivery.state !== 'DELIVERY_STATE_DELIVERED');
    for (const delivery of missing) actOn(delivery, options['on-failure']);
    const { state } = distribution;
    if (IS_OVER.has(state) || retriesLeft === 0) {
      say({ event: 'end', state, missing: missing.map(({ node }) => node).sort() });
      return state === 'DISTRIBUTION_STATE_SUCCEEDED' ? 0 : 1;
    }
    await fleet.call('RetryDistribution', { name });
  }
}

let options;
try {
  options = parse();
} catch (error) {
  complain(error.message);
  process.exit(2);
}
try {
  process.exitCode = await run(options);
} catch (error) {
  // Of a call, "5 NOT_FOUND: there is no such distribution"; or of a file that is not there.
  if (error.details === undefined && error.path === undefined) throw error;
  complain(error.message);
  process.exitCode = 1;
}
