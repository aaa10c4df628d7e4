import { allow, block, type Agent, defineAgent, serveAgent } from '@agentwire/agent';
import { createUdsTransport } from '@agentwire/transport-uds';
import { expect, onTestFinished, test } from 'vitest';
import { versionOne } from '../src/index.ts';
import { frame, oldProxy, socketPath } from './old-peers.ts';

const metadata = {
  correlation_id: 'c-1',
  request_id: 'r-1',
  client_ip: '192.0.2.1',
  client_port: 1,
  protocol: 'HTTP/1.1',
  timestamp: '2025-01-01T00:00:00Z',
};
const message = (event_type: string, payload: object): Buffer => frame({ version: 1, event_type, payload });
const head = message('request_headers', { metadata, method: 'POST', uri: '/a', headers: { 'content-length': ['9'] } });
const chunk = (text: string, last: boolean, index = 0): Buffer =>
  message('request_body_chunk', {
    correlation_id: 'c-1',
    data: Buffer.from(text).toString('base64'),
    is_last: last,
    chunk_index: index,
  });

async function ask(path: string, bytes: Buffer): Promise<Record<string, unknown>> {
  const { socket, frames } = await oldProxy(path);
  socket.write(bytes);
  return frames.next();
}

async function serve<State>(agent: Agent<State>): Promise<string> {
  const path = socketPath();
  const server = await serveAgent(agent, {
    transports: [createUdsTransport({ versionOne })],
    listen: [`unix:${path}`],
  });
  onTestFinished(() => server.close());
  return path;
}

// the released proxy of version 1 has a pool of connections, and takes whichever is free for each event
test('the pieces of a body come on other connections than the head, and reach the same request', async () => {
  const path = await serve(
    defineAgent<{ text: string }>({
      name: 'a',
      version: '1',
      onRequestHeaders: () => allow().needsMoreBody(),
      onRequestBodyChunk(piece, context) {
        const state = (context.state ??= { text: '' });
        state.text += Buffer.from(piece.data).toString();
        if (!piece.last) return allow().needsMoreBody();
        return context.request?.path === '/a' && state.text.includes('attack') ? block(403) : allow();
      },
    }),
  );
  expect(await ask(path, head)).toMatchObject({ decision: 'allow', needs_more: true });
  expect(await ask(path, chunk('an att', false))).toMatchObject({ decision: 'allow', needs_more: true });
  expect(await ask(path, chunk('ack', true, 1))).toMatchObject({ decision: { block: { status: 403 } } });
});

test('a handler that reads the body gets it from whichever connection it comes on', async () => {
  const path = await serve(
    defineAgent({
      name: 'a',
      version: '1',
      requestBody: true,
      onRequestHeaders: async (request) => ((await request.text()).includes('attack') ? block(403) : allow()),
    }),
  );
  expect(await ask(path, head)).toMatchObject({ decision: 'allow', needs_more: true });
  expect(await ask(path, chunk('an att', false))).toMatchObject({ decision: 'allow', needs_more: true });
  expect(await ask(path, chunk('ack', true, 1))).toMatchObject({ decision: { block: { status: 403 } } });
});

test('the first message of a connection may be as long as any, as a pool opens connections in the middle of requests', async () => {
  const path = await serve(
    defineAgent({ name: 'a', version: '1', onRequestBodyChunk: (piece) => allow().withTag(String(piece.data.length)) }),
  );
  expect(await ask(path, chunk('x'.repeat(1024 * 1024), true))).toMatchObject({ audit: { tags: ['1048576'] } });
});
