import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Writable } from 'node:stream';
import { allow, block, defineAgent, serveAgent } from '@agentwire/agent';
import { createUdsTransport } from '@agentwire/transport-uds';
import { expect, onTestFinished, test } from 'vitest';
import { main } from '../src/main.ts';

/** Decisions that `agentwire call` prints of an agent that asks for bodies whatever the heads say. */
async function call(...flags: string[]): Promise<[phase: string, decision: unknown][]> {
  const folder = mkdtempSync(`${tmpdir()}/aw-call-`);
  const insistent = defineAgent({
    name: 'insistent',
    version: '1',
    requestBody: true,
    responseBody: true,
    onRequestHeaders: () => allow().needsMoreBody(true),
    onRequestBodyChunk: ({ data, last }) => (data.byteLength === 0 && last ? allow() : block(418)),
    onResponseHeaders: () => allow().needsMoreBody(true),
    onResponseBodyChunk: ({ data, last }) => (data.byteLength === 0 && last ? block(451) : block(418)),
  });
  const listen = [`unix:${folder}/a.sock`];
  const server = await serveAgent(insistent, { transports: [createUdsTransport()], listen });
  onTestFinished(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  let text = '';
  const stdout = new Writable({ write: (part: Buffer, _, done) => ((text += part.toString()), done()) });
  const stderr = new Writable({ write: (_part, _, done) => done() });
  expect(await main(['call', ...listen, '--json', ...flags], { stdout, stderr })).toBe(0);
  const { decisions } = JSON.parse(text) as { decisions: { phase: string; decision: unknown }[] };
  return decisions.map(({ phase, decision }) => [phase, decision]);
}

test('an agent that asks for a body that the script has not gets its end, as from a gateway', async () => {
  expect(await call()).toMatchObject([
    ['request_headers', 'allow'],
    ['request_body', 'allow'],
  ]);
  expect(await call('--response', '204')).toMatchObject([
    ['request_headers', 'allow'],
    ['request_body', 'allow'],
    ['response_headers', 'allow'],
    ['response_body', { block: { status: 451 } }],
  ]);
});
