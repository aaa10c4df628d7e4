// A gRPC client on grpc-js that is told what to say: each line of stdin is a ProxyToAgent in protobuf's JSON, an empty line
// ends the stream and opens the next. Prints each AgentToProxy as a line, and {"closed": "why"} when the agent ends a stream.
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import { AgentServiceV2, CHANNEL_OPTIONS, type Json } from './service.ts';

const { values } = parseArgs({ options: { grpc: { type: 'string' } } });
const client = new AgentServiceV2(values.grpc ?? '', credentials.createInsecure(), CHANNEL_OPTIONS);
const say = (line: Json): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

function open(): ClientDuplexStream<Json, Json> {
  const processStream = client['ProcessStream']?.bind(client) as unknown as () => ClientDuplexStream<Json, Json>;
  const stream = processStream();
  stream.on('data', say);
  stream.on('end', () => say({ closed: 'the agent ended the stream' }));
  // a cancelled stream is the end that this side chose
  stream.on('error', (error: Error & { code?: number }) => {
    if (error.code !== 1) say({ closed: error.message });
  });
  return stream;
}

let stream = open();
for await (const line of createInterface({ input: process.stdin })) {
  if (line === '') {
    stream.removeAllListeners('end');
    stream.cancel();
    stream = open();
  } else stream.write(JSON.parse(line) as Json);
}
stream.cancel();
client.close();
