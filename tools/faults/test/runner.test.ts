import { createServer } from 'node:net';
import { FEATURES, type Connection } from '@agentwire/core';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { expect, onTestFinished, test } from 'vitest';
import { drawBoard } from '../src/board.ts';
import { headers } from '../src/cell/events.ts';
import type { Column } from '../src/columns.ts';
import { readFlags } from '../src/flags.ts';
import { verdict, type Row } from '../src/row.ts';
import { exitStatus, runCell, type CellResult } from '../src/runner.ts';

const column: Column = {
  id: 'memory',
  medium: 'frames',
  encoding: 'json',
  dialect: 'documented',
  quick: true,
  transport: createMemoryTransport(),
  hello: { role: 'proxy', name: 'faults', version: '1', features: FEATURES, encodings: ['json'] },
  address: () => 'memory:agent',
};

const rowThat = (run: Row['run'], more: Partial<Row> = {}): Row => ({
  id: 'R0',
  fault: 'none',
  must: 'hold',
  run,
  ...more,
});
const good = async (): Promise<ReturnType<typeof verdict>> => verdict('1 ms', []);
const runIt = (row: Row, limitMs = 5_000): Promise<CellResult> =>
  runCell(row, column, { quick: true, limitMs, say: () => undefined });

/** An agent that answers nothing, unless `answers`. */
async function listen(answers: boolean): Promise<string> {
  const listener = await column.transport.listen(`memory:${crypto.randomUUID()}`, {
    self: { role: 'agent', name: 'silent', version: '1', features: FEATURES, encodings: ['json'] },
    onConnection: (connection: Connection) => ({
      onMessage: (message) => {
        if (answers && message.type === 'requestHeaders')
          connection.send({ type: 'answer', id: message.id, decision: { verdict: { type: 'allow' } } });
      },
      onClose: () => undefined,
    }),
  });
  onTestFinished(() => listener.close());
  return listener.address;
}

test('a row that holds is ok, and what it asked is counted', async () => {
  const endpoint = await listen(true);
  const row = rowThat(async (cell) => {
    const session = await cell.session(endpoint);
    const { decision } = await session.ask(headers('/'));
    return verdict(decision?.verdict.type ?? '', []);
  });
  const result = await runIt(row);
  expect(result).toMatchObject({ status: 'ok', figure: 'allow', why: [] });
  expect(exitStatus([result])).toBe(0);
});

test('a row that found something has failed, and so has the program', async () => {
  const result = await runIt(rowThat(async () => verdict('60 ms', ['too late'])));
  expect(result).toMatchObject({ status: 'failed', figure: '60 ms', why: ['too late'] });
  expect(exitStatus([await runIt(rowThat(good)), result])).toBe(1);
  expect(drawBoard([rowThat(good)], [column], [result])).toMatch(/FAILED 60 ms[^]*R0 memory: too late/);
});

test('a row that failed without a reason has failed', async () => {
  const result = await runIt(rowThat(async () => ({ ok: false, figure: '', why: [] })));
  expect(result).toMatchObject({ status: 'failed', why: ['the row failed without saying why'] });
});

test('what is late fails as well, at once where the machine is not busy', async () => {
  const runs: number[] = [];
  const result = await runIt(
    rowThat(async () => {
      runs.push(1);
      return verdict('60 ms', [], ['too late']);
    }),
  );
  expect(result).toMatchObject({ status: 'failed', why: ['too late'], tries: runs.length });
  expect(runs.length).toBeLessThanOrEqual(3);
});

test('a finding that is no time is never tried again', async () => {
  let runs = 0;
  const row = rowThat(async () => {
    runs += 1;
    return verdict('', ['lost a request'], ['too late']);
  });
  expect(await runIt(row)).toMatchObject({ status: 'failed', why: ['lost a request', 'too late'], tries: 1 });
  expect(runs).toBe(1);
});

test('a row that throws has failed', async () => {
  const result = await runIt(rowThat(() => Promise.reject(new Error('broken'))));
  expect(result).toMatchObject({ status: 'failed', why: [expect.stringContaining('broken')] });
});

test('a row that does not end has failed', async () => {
  const result = await runIt(
    rowThat(() => new Promise(() => undefined)),
    20,
  );
  expect(result).toMatchObject({ status: 'failed', why: [expect.stringContaining('did not end')] });
});

test('a row that runs on shows how far it is', async () => {
  const lines: string[] = [];
  const shown = Promise.withResolvers<void>();
  const say = (text: string): void => {
    lines.push(text);
    if (text.includes('round 2 of 3')) shown.resolve();
  };
  const row = rowThat(async (cell) => {
    cell.note('round 2 of 3');
    await shown.promise;
    return good();
  });
  await runCell(row, column, { quick: true, limitMs: 5_000, say, beatMs: 1 });
  expect(lines).toEqual(expect.arrayContaining([expect.stringMatching(/^R0 memory: round 2 of 3, for \d+ s now$/)]));
});

test('a question without an outcome fails a row that found nothing', async () => {
  const endpoint = await listen(false);
  const row = rowThat(async (cell) => {
    const session = await cell.session(endpoint, { requestTimeoutMs: 60_000 });
    void session.ask(headers('/'));
    return good();
  });
  const { status, why } = await runIt(row);
  expect(status).toBe('failed');
  expect(why.join('\n')).toMatch(/1 of 1 questions have no outcome[^]*pending is 1[^]*inFlight is 1/);
});

test('an outcome after the deadline fails a row that found nothing', async () => {
  const endpoint = await listen(false);
  const row = rowThat(async (cell) => {
    const session = await cell.session(endpoint);
    // promised within 1 ms, given up after far more than a busy machine makes up for
    await session.follow((one) => one.request(headers('/'), { timeoutMs: 1_500 }), 1);
    return good();
  });
  expect((await runIt(row)).why).toEqual([expect.stringMatching(/after its deadline/)]);
});

test('a handle that is left open fails a row that found nothing', async () => {
  const server = createServer();
  onTestFinished(() => void server.close());
  const row = rowThat(async () => {
    server.listen(0);
    return good();
  });
  const { status, why } = await runIt(row);
  expect([status, why]).toEqual(['failed', [expect.stringContaining('TCPServerWrap +1')]]);
});

test('an unhandled rejection fails a row that found nothing', async () => {
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  onTestFinished(() => {
    for (const listener of others) process.on('unhandledRejection', listener);
  });
  const row = rowThat(async () => {
    void Promise.reject(new Error('forgotten'));
    await new Promise((resolve) => setImmediate(resolve));
    return good();
  });
  expect(await runIt(row)).toMatchObject({ status: 'failed', why: [expect.stringContaining('forgotten')] });
});

test('a row that does not apply says why and does not run', async () => {
  const row = rowThat(() => Promise.reject(new Error('ran')), { notApplicable: () => 'no TCP here' });
  const result = await runIt(row);
  expect(result).toMatchObject({ status: 'n/a', why: ['no TCP here'] });
  expect(drawBoard([row], [column], [result])).toContain('R0 memory: n/a: no TCP here');
});

test('flags choose rows and columns, and a wrong one is named', () => {
  const rows = [rowThat(good), rowThat(good, { id: 'R9' })];
  const flags = readFlags(['--row', 'R9', '--transport', 'grpc', '--quick'], rows);
  expect(flags.rows.map(({ id }) => id)).toEqual(['R9']);
  expect(flags.columns.map(({ id }) => id)).toEqual(['grpc']);
  expect(flags.quick).toBe(true);
  expect(() => readFlags(['--row', 'R99'], rows)).toThrow(/no row R99; there are R0, R9/);
});

test('a figure that is no number fails its cell', () => {
  expect(verdict(`${String(Number.NaN)}/s`, [])).toMatchObject({ ok: false, why: ['a figure was not measured'] });
  expect(verdict('12 ms', [])).toMatchObject({ ok: true, why: [] });
});
