import type { Transport } from '@agentwire/core';
import { markMessage } from '@agentwire/core/internal';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { describe, expect, test } from 'vitest';
import { type AgentDefinition, allow, defineAgent, replace } from '../../src/index.ts';
import { chunk, head, response, responseChunk, settled } from '../events.ts';
import { OURS, RELEASED } from '../fake-connection.ts';
import { start } from '../runtime/start.ts';
import { connectTo, sendBody } from './upload.ts';

const CHUNK_BYTES = 70_000;
const pieceOf = (fill: string): Buffer => Buffer.alloc(CHUNK_BYTES, fill);

/** Sends three pieces to an agent. @returns the lengths that the pieces it has kept have in the end */
async function keptBytes(
  definition: (keep: (data: Uint8Array) => void) => Partial<AgentDefinition>,
  transport?: Transport,
  address?: string,
): Promise<number[]> {
  const kept: Uint8Array[] = [];
  const pieces = [pieceOf('a'), pieceOf('b'), pieceOf('c')];
  const session = await connectTo(
    definition((data) => void kept.push(data)),
    transport,
    address,
  );
  expect(await sendBody(session, pieces)).toEqual(Buffer.concat([pieceOf('a'), pieceOf('b'), pieceOf('c')]));
  return kept.map((data) => data.byteLength);
}

const WHOLE = [CHUNK_BYTES, CHUNK_BYTES, CHUNK_BYTES];

describe('a held body that is read as text', () => {
  test.each([['text'], ['json']] as const)('of one piece passes whole after %s()', async (how) => {
    const piece = Buffer.from(JSON.stringify('a'.repeat(CHUNK_BYTES)));
    for (const change of [false, true]) {
      const session = await connectTo(
        {
          requestBody: true,
          async onRequestHeaders(request) {
            await request[how]({ hold: true });
            const decision = allow();
            if (!change) return decision;
            return decision.transformBody(async function* (body) {
              for await (const part of body) yield part;
            });
          },
        },
        createMemoryTransport(),
        'memory:held',
      );
      // the piece comes before the end, and with it
      expect(await sendBody(session, [piece]), `${how} ${change}`).toEqual(piece);
      expect(await sendBody(session, [piece, Buffer.alloc(0)]), `${how} ${change}, later`).toEqual(piece);
      expect(piece.byteLength).toBe(CHUNK_BYTES + 2);
    }
  });
});

describe('freeChunks', () => {
  test('is off: an agent keeps every piece that it wants', async () => {
    const lengths = await keptBytes((keep) => ({
      onRequestBodyChunk({ data }) {
        keep(data);
        return allow();
      },
    }));
    expect(lengths).toEqual(WHOLE);
    const iterated = await keptBytes((keep) => ({
      requestBody: true,
      async onRequestHeaders({ body }) {
        for await (const piece of body) keep(piece);
        return allow();
      },
    }));
    expect(iterated).toEqual(WHOLE);
    const decoded = await keptBytes((keep) => ({
      requestBody: true,
      async onRequestHeaders({ body }) {
        for await (const piece of body.decoded()) keep(piece);
        return allow();
      },
    }));
    expect(decoded).toEqual(WHOLE);
    const changed = await keptBytes((keep) => ({
      requestBody: true,
      onRequestHeaders: () =>
        allow().transformBody(async function* (body) {
          for await (const piece of body) {
            keep(piece);
            yield piece;
          }
        }),
    }));
    expect(changed).toEqual(WHOLE);
  });

  test('frees a chunk and all views of it once its handler has returned', async () => {
    const lengths = await keptBytes((keep) => ({
      freeChunks: true,
      onRequestBodyChunk({ data }) {
        expect(data.byteLength).toBe(CHUNK_BYTES);
        keep(data.subarray(10, 20));
        keep(data);
        return allow();
      },
    }));
    expect(lengths).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test('frees a chunk once the promise of its handler has settled, not before', async () => {
    const during: number[] = [];
    const lengths = await keptBytes((keep) => ({
      freeChunks: true,
      async onRequestBodyChunk({ data }) {
        keep(data);
        await settled();
        during.push(data.byteLength);
        return allow();
      },
    }));
    expect(during).toEqual(WHOLE);
    expect(lengths).toEqual([0, 0, 0]);
  });

  test('frees a piece of a body when the next one is asked for, and the last one after the loop', async () => {
    const during: number[] = [];
    const lengths = await keptBytes((keep) => ({
      freeChunks: true,
      requestBody: true,
      async onRequestHeaders({ body }) {
        for await (const piece of body) {
          keep(piece);
          await settled();
          during.push(piece.byteLength);
        }
        return allow();
      },
    }));
    expect(during).toEqual(WHOLE);
    expect(lengths).toEqual([0, 0, 0]);
  });

  test('frees nothing that a decision or another reading still needs', async () => {
    const view = await connectTo({
      freeChunks: true,
      onRequestBodyChunk: ({ data }) => replace(data.subarray(1)),
    });
    expect(await sendBody(view, [pieceOf('a')])).toEqual(pieceOf('a').subarray(1));
    const preview = await connectTo({
      freeChunks: true,
      requestBody: true,
      async onRequestHeaders(request) {
        const first = await request.body.preview(CHUNK_BYTES + 1);
        const read: Uint8Array[] = [];
        for await (const piece of request.body) read.push(Uint8Array.from(piece));
        expect(first).toEqual(Buffer.concat(read).subarray(0, CHUNK_BYTES + 1));
        return allow();
      },
    });
    await sendBody(preview, [pieceOf('a'), pieceOf('b'), pieceOf('c')]);
    const held = await connectTo({
      freeChunks: true,
      requestBody: true,
      async onRequestHeaders(request) {
        await request.text({ hold: true });
        return allow();
      },
    });
    expect(await sendBody(held, [pieceOf('a'), pieceOf('b')])).toEqual(Buffer.concat([pieceOf('a'), pieceOf('b')]));
  });

  test('fails where a freed piece is given instead of a chunk or a body, which would be dropped', async () => {
    const kept: Uint8Array[] = [];
    const errors: unknown[] = [];
    const attempt = (build: () => unknown): void => {
      try {
        build();
      } catch (error) {
        errors.push(error);
      }
    };
    const session = await connectTo({
      freeChunks: true,
      onRequestBodyChunk({ data }) {
        const [before] = kept;
        kept.push(data.subarray(1));
        if (before === undefined) return allow();
        attempt(() => replace(before));
        attempt(() => allow().replaceBody(before));
        return replace(new Uint8Array(0));
      },
    });
    expect(await sendBody(session, [pieceOf('a'), pieceOf('b')])).toEqual(pieceOf('a'));
    const told = { code: 'ERR_INVALID_STATE', message: expect.stringContaining('keep a copy') as string };
    expect(errors).toEqual([expect.objectContaining(told), expect.objectContaining(told)]);
    const [freed = new Uint8Array(1)] = kept;
    const changing = await connectTo({
      requestBody: true,
      onRequestHeaders: () =>
        allow().transformBody(async function* (body) {
          for await (const _ of body) yield freed;
        }),
    });
    await expect(sendBody(changing, [pieceOf('a')])).rejects.toThrow('keep a copy, Uint8Array.from(piece)');
  });

  test('frees nothing that a transport without frames shares with the sender', async () => {
    const lengths = await keptBytes(
      (keep) => ({
        freeChunks: true,
        onRequestBodyChunk({ data }) {
          keep(data);
          return allow();
        },
      }),
      createMemoryTransport(),
      'memory:freed',
    );
    expect(lengths).toEqual(WHOLE);
  });

  test('frees no chunk of a handler that ran out of time and may still read it', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { connect: dial, clock } = start({
      freeChunks: true,
      async onRequestBodyChunk() {
        await promise;
        return allow();
      },
    });
    const at = dial(OURS);
    at.receive(head(1));
    const data = pieceOf('a');
    markMessage(data);
    at.receive({ ...chunk(1, 0, '', true), data });
    clock.advance(30_000);
    await settled();
    expect(at.answers.at(-1)).toMatchObject({ error: { code: 'ERR_TIMEOUT' } });
    resolve();
    await settled();
    expect(data.byteLength).toBe(CHUNK_BYTES);
  });

  test('frees no chunk of a response that goes back with its answer', async () => {
    const { connect: dial } = start({ freeChunks: true, onResponseBodyChunk: () => allow() });
    const at = dial(RELEASED);
    at.receive(head('1'));
    at.receive(response('1'));
    const data = pieceOf('a');
    markMessage(data);
    at.receive({ ...responseChunk('1', 0, '', true), data });
    expect(at.answers.at(-1)).toMatchObject({ responseBodyMutation: { data: pieceOf('a') } });
  });

  test('must be a boolean', () => {
    const wrong = { name: 'a', version: '1', onRequestHeaders: () => allow(), freeChunks: 'yes' };
    expect(() => defineAgent(wrong as never)).toThrow('freeChunks must be true or false');
  });
});
