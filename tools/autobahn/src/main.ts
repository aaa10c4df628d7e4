import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { allow, defineAgent, pass, serveAgent } from '@agentwire/agent';
import { createGateway } from '@agentwire/gateway';
import { AgentPool } from '@agentwire/pool';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { WebSocketServer } from 'ws';
import { installSuite, playSuite } from './suite.ts';
import { drawTable, failuresOf, notStrictOf } from './table.ts';

const MAX_MESSAGE_BYTES = 16 * 1024 ** 2;
/** The rest measures time with large messages, or is about an extension that judged WebSockets do not have. */
const QUICK = ['1.*', '2.*', '3.*', '4.*', '5.*', '6.*', '7.*', '10.*'];

/** Messages of 16 MiB: an event of the protocol has 16 MiB together with its other fields. */
const TOO_LONG_TO_JUDGE = ['9.1.6', '9.2.6'];

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    case: { type: 'string', multiple: true, default: [] },
    messages: { type: 'string' },
  },
});
const messages = values.messages === undefined ? undefined : Number(values.messages);
if (messages !== undefined && !(Number.isInteger(messages) && messages > 0))
  throw new RangeError(`--messages must be a whole number from 1 on, got ${values.messages}`);
const cases = values.case.length > 0 ? values.case : values.quick ? QUICK : ['*'];
const python = installSuite();

const echo = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  perMessageDeflate: true,
  maxPayload: MAX_MESSAGE_BYTES,
});
echo.on('connection', (socket) => {
  socket.on('error', () => undefined).on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});
await once(echo, 'listening');
const address = `127.0.0.1:${(echo.address() as AddressInfo).port}`;

const memory = createMemoryTransport();
const frames = defineAgent({
  name: 'frames',
  version: '1.0.0',
  onRequestHeaders: () => allow(),
  onWebSocketFrame: () => pass(),
});
const server = await serveAgent(frames, { transports: [memory], listen: ['memory:frames'] });
const pool = new AgentPool({ transports: [memory] });
await pool.addAgent('frames', 'memory:frames');
const options = { pool, upstream: `http://${address}`, maxWebSocketMessageBytes: MAX_MESSAGE_BYTES };
const [passing, judging] = [createGateway(options), createGateway({ ...options, agents: ['frames'] })];
try {
  const url = async (gateway: typeof passing): Promise<string> =>
    (await gateway.listen({ host: '127.0.0.1', port: 0 })).replace('http', 'ws');
  const servers = [
    { name: 'ws alone', url: `ws://${address}` },
    { name: 'gateway, passed', url: await url(passing) },
    { name: 'gateway, judged', url: await url(judging), without: TOO_LONG_TO_JUDGE },
  ];
  const first = await playSuite(python, servers, cases, messages);
  // the suite gives each case a second or two, which pass on a busy machine
  const doubtful = [...new Set([...first.values()].flatMap(failuresOf))];
  if (doubtful.length > 0) process.stderr.write(`played once more, alone: ${doubtful.join(', ')}\n`);
  const second = doubtful.length > 0 ? await playSuite(python, servers, doubtful, messages) : undefined;
  const results = new Map(Array.from(first, ([name, got]) => [name, { ...got, ...second?.get(name) }]));
  say(drawTable(results));
  const known = new Set(failuresOf(results.get('ws alone') ?? {}));
  for (const { name } of servers) {
    const got = results.get(name) ?? {};
    if (Object.keys(got).length === 0) throw new Error(`the suite has no results of ${name}`);
    const failed = failuresOf(got);
    const own = failed.filter((id) => !known.has(id));
    const notStrict = notStrictOf(got);
    if (failed.length > 0) say(`${name} fails ${failed.join(', ')}`);
    if (notStrict.length > 0) say(`${name} is not strict in ${notStrict.join(', ')}`);
    if (own.length > 0) process.exitCode = 1;
  }
} finally {
  await passing.close();
  await judging.close();
  await pool.close();
  await server.close();
  for (const client of echo.clients) client.terminate();
  echo.close();
}
