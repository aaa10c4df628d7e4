import { readFileSync } from 'node:fs';
import { allow, block, defineAgent, serveAgent } from '@agentwire/agent';
import { createUdsTransport } from '@agentwire/transport-uds';
import { expect, onTestFinished, test } from 'vitest';
import { AgentClient, versionOne } from '../src/index.ts';
import { head, socketPath } from './old-peers.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

test('the README imports what there is, and its example blocks as it says', async () => {
  const names = [...readme.matchAll(/import \{ (.*?) \} from '@agentwire\/v1'/g)].flatMap(([, list]) =>
    list?.split(', '),
  );
  expect(names).toEqual(['AgentClient', 'versionOne']);
  const path = socketPath();
  const waf = defineAgent({
    name: 'waf',
    version: '1.0.0',
    onRequestHeaders: (request) => (request.uri.includes('..') ? block(403) : allow()),
  });
  const server = await serveAgent(waf, { transports: [createUdsTransport({ versionOne })], listen: [`unix:${path}`] });
  onTestFinished(() => server.close());
  await using client = await AgentClient.unixSocket(path);
  const { verdict } = await client.sendEvent(head('/../etc/passwd'));
  expect(verdict).toEqual({ type: 'block', status: 403 });
  expect(readme).toContain(`// { type: 'block', status: 403 }`);
});
