// Sends a file to one recipient, and waits until that has it.
//
// usage: send_file.mjs HOST:PORT CA_FILE TOKEN_FILE ROOT/PATH PROTO_DIRECTORY...
//
// The same as ../python/send_file.py, which says more. The directories are this
// project's proto/ and third_party/. Needs @grpc/grpc-js and @grpc/proto-loader.
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const CALL_TIMEOUT_MS = 30_000;
// Longer than the service waits at most.
const WAIT_TIMEOUT_MS = 330_000;

function connect(server, caFile, tokenFile, includeDirs) {
  const definition = protoLoader.loadSync('tcptool/v1/session_service.proto', {
    includeDirs,
    keepCase: true,
    enums: String,
  });
  const metadata = new grpc.Metadata();
  metadata.set('authorization', `Bearer ${readFileSync(tokenFile, 'ascii').trim()}`);
  const credentials = grpc.credentials.combineChannelCredentials(
    grpc.credentials.createSsl(readFileSync(caFile)),
    grpc.credentials.createFromMetadataGenerator((_, done) => done(null, metadata)),
  );
  const { SessionService } = grpc.loadPackageDefinition(definition).tcptool.v1;
  return new SessionService(server, credentials);
}

const [server, caFile, tokenFile, file, ...protoDirectories] = process.argv.slice(2);
if (!protoDirectories.length) {
  process.stderr.write('usage: send_file.mjs HOST:PORT CA_FILE TOKEN_FILE ROOT/PATH PROTOS...\n');
  process.exit(2);
}
const [root, ...path] = file.split('/');
const service = connect(server, caFile, tokenFile, protoDirectories);
const create = promisify(service.CreateSession).bind(service);
const wait = promisify(service.WaitSession).bind(service);
try {
  const spec = { file: { root, path: path.join('/') }, max_recipients: 1 };
  let session = await create({ session: { spec } }, { deadline: Date.now() + CALL_TIMEOUT_MS });
  process.stdout.write(`${session.data_endpoint}\n`);
  while (!session.end_time) {
    session = await wait({ name: session.name }, { deadline: Date.now() + WAIT_TIMEOUT_MS });
  }
  process.stdout.write(`${session.state} ${session.error ?? ''}\n`);
  process.exitCode = session.state === 'SESSION_STATE_SUCCEEDED' ? 0 : 1;
} catch (error) {
  process.stderr.write(`${grpc.status[error.code]}: ${error.details}\n`);
  process.exitCode = 1;
}
service.close();
