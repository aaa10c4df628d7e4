// The public A2A protocol in front of a router: `pnpm start`. Ends with 0 only if everything is as it should be.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TaskState } from '@a2a-js/sdk';
import { createA2ABridge, provideRemoteAgent } from '@agentwire/a2a-bridge';
import { createA2ARouter, createChain, payload, scope, target, verifyChainFile } from '@agentwire/a2a-router';
import { connect, message, statusText, task } from './client.ts';
import { startTravelAgent } from './travel-agent.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const problems: string[] = [];
const check = (holds: boolean, what: string): void => {
  print(`  ${holds ? '✓' : '✗'} ${what}`);
  if (!holds) problems.push(what);
};

// Whatever hangs is a failure.
setTimeout(() => {
  print('not done after 60 s');
  process.exit(1);
}, 60_000).unref();

const folder = mkdtempSync(join(tmpdir(), 'agentwire-bridge-'));
const key = randomBytes(32);
const path = join(folder, 'audit.ndjson');
const chain = createChain({ path, key });
const router = createA2ARouter({ chain });
startTravelAgent(router);

// Two callers, each a process of the router: one may reach everything, the other nothing.
const callers = new Map([
  ['Bearer token-of-ann', { user: 'ann', pid: router.processTable.insert({ agentId: 'ann' }) }],
  [
    'Bearer token-of-guest',
    { user: 'guest', pid: router.processTable.insert({ agentId: 'guest', capabilities: { ipcScope: scope.none } }) },
  ],
]);
const bridge = createA2ABridge(router, {
  service: 'travel',
  description: 'Books journeys.',
  skills: { book: { description: 'Books a train and a hotel.' }, watch: { description: 'Watches prices.' } },
  authenticate: ({ headers }) => callers.get(headers.authorization ?? ''),
  // the receiver of this example is on this machine
  push: { allowHttp: true, allowPrivateAddresses: true },
});
const url = await bridge.listen();

const told = Promise.withResolvers<string>();
const hook = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => (body += chunk.toString()));
  request.on('end', () => {
    response.end();
    if (body.includes('TASK_STATE_COMPLETED')) told.resolve(String(request.headers['x-a2a-notification-token']));
  });
});
await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
const notify = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`;

try {
  print(`The public protocol at ${url}`);
  const ann = await connect(url, 'token-of-ann');
  const card = await ann.getAgentCard();
  check(card.skills.map(({ id }) => id).join() === 'book,watch', 'the agent card names the methods as skills');

  const asked = task(await ann.sendMessage(message('a journey to Oslo', { skill: 'book', notify })));
  check(asked.status?.state === TaskState.TASK_STATE_INPUT_REQUIRED, `the agent asks back: ${statusText(asked)}`);
  const parts: unknown[] = [];
  for await (const { payload: event } of ann.sendMessageStream(
    message('the first day of May', { skill: 'book', taskId: asked.id }),
  )) {
    if (event?.$case === 'artifactUpdate') parts.push(event.value.artifact?.parts[0]?.content?.value);
  }
  check(parts.length === 2, `the answer is streamed: ${parts.join(', ')}`);
  check((await told.promise) === 'hook-token', 'the receiver is told about the end of the task');

  let watched = '';
  for await (const { payload: event } of ann.sendMessageStream(message('prices', { skill: 'watch' }))) {
    if (event?.$case === 'task') watched = event.value.id;
    if (event?.$case === 'artifactUpdate') break;
  }
  const canceled = await ann.cancelTask({ tenant: '', id: watched, metadata: undefined });
  check(canceled.status?.state === TaskState.TASK_STATE_CANCELED, 'a task is canceled after its stream was left');

  const guest = await connect(url, 'token-of-guest');
  const refused = task(await guest.sendMessage(message('a journey', { skill: 'book' })));
  check(refused.status?.state === TaskState.TASK_STATE_REJECTED, `a guest is refused: ${statusText(refused)}`);
  const unknown = await connect(url, 'no token');
  const error = await unknown.sendMessage(message('a journey', { skill: 'book' })).catch((thrown: unknown) => thrown);
  check(String(error).includes('not authenticated'), 'a caller without a token is refused');

  print('\nThe same agent as a service of another router');
  const elsewhere = createA2ARouter();
  const remote = await provideRemoteAgent(elsewhere, {
    service: 'travel',
    url,
    headers: () => ({ authorization: 'Bearer token-of-ann' }),
  });
  const planner = elsewhere.register(elsewhere.processTable.insert({ agentId: 'planner' }));
  const stops: string[] = [];
  const to = target.serviceMethod('travel', 'book');
  for await (const { payload: part } of planner.requestStream(to, payload.text('Monday'))) {
    if (part.kind === 'text') stops.push(part.text);
  }
  check(stops.join() === 'train on Monday,hotel on Monday', `the planner has ${stops.join(' and ')}`);
  await remote.close();
  await elsewhere.close();

  await bridge.close();
  await router.close();
  await chain.close();
  const report = verifyChainFile(path, { key });
  print(`\n${report.summary.replace(path, 'audit.ndjson')}`);
  check(report.ok, 'the audit chain verifies');
} finally {
  hook.close();
  hook.closeAllConnections();
  rmSync(folder, { recursive: true, force: true });
}
print(problems.length === 0 ? '\nall as it should be' : `\nnot as it should be: ${problems.join('; ')}`);
process.exitCode = problems.length === 0 ? 0 : 1;
