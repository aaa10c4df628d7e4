import { ALLOW, type ConfigUpdateRequest, type Logger, type Message } from '@agentwire/core';
import { expect, test } from 'vitest';
import { head, settle, setup } from './setup.ts';

const ASKS = { configPush: true, healthReporting: true, events: ['requestHeaders'] } as const;
const ask = (requestId: string): ConfigUpdateRequest => ({
  type: 'configUpdateRequest',
  requestId,
  update: { type: 'requestReload' },
  timestampMs: 1,
});

/** A pool with one connection to an agent, what is logged, and what the agent sends. */
async function connected(onConfigRequest?: () => void | Promise<void>) {
  const lines: { readonly level: string; readonly fields: Record<string, unknown>; readonly message: string }[] = [];
  const at =
    (level: string): Logger['info'] =>
    (fields, message) =>
      void lines.push({ level, fields, message });
  const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const { pool, serve, clock } = setup({ logger, connectionsPerAgent: 1, ...(onConfigRequest && { onConfigRequest }) });
  const { sessions } = await serve('memory:a', () => ALLOW, ASKS);
  await pool.addAgent('waf', 'memory:a');
  const [session] = sessions;
  lines.length = 0;
  return {
    pool,
    clock,
    lines,
    limit: session?.connection.peer.maxMessageBytes ?? 0,
    send: async (...messages: Message[]) => {
      for (const message of messages) session?.notify(message);
      await settle();
    },
  };
}

test('a request for a configuration whose answer cannot be sent ends nothing', async () => {
  const { pool, lines, limit, send } = await connected();
  await send(ask('x'.repeat(limit - 110)));
  expect(lines).toContainEqual({
    level: 'warn',
    fields: { agent: 'waf', code: 'ERR_MESSAGE_TOO_LARGE' },
    message: 'an agent cannot get the answer to its request for a configuration',
  });
  await expect(pool.request('waf', head(1))).resolves.toMatchObject(ALLOW);
});

test('sixteen requests for a configuration may wait', async () => {
  let [asked, end] = [0, (): void => undefined];
  const ended = new Promise<void>((resolve) => (end = resolve));
  const { send } = await connected(() => {
    asked += 1;
    return ended;
  });
  await send(...Array.from({ length: 40 }, (_, at) => ask(String(at))));
  expect(asked).toBe(16);
  end();
  await send(ask('next'));
  expect(asked).toBe(17);
});

test('lines of an agent are short, and one that changes its health in turn floods no log', async () => {
  const { lines, send } = await connected();
  const long = 'y'.repeat(100_000);
  const fields = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`f${at}`, long]));
  await send({ type: 'log', level: 'warn', message: long, fields, timestampMs: 1 });
  const health = { type: 'healthStatus', agentId: 'waf', timestampMs: 1 } as const;
  for (let round = 0; round < 100; round++)
    await send(
      { ...health, state: 'unhealthy', message: long, unhealthyReason: long },
      { ...health, state: 'healthy' },
    );
  expect(lines.length).toBeLessThan(10);
  expect(JSON.stringify(lines[0]).length).toBeLessThan(50_000);
  for (const line of lines.slice(1)) expect(JSON.stringify(line).length).toBeLessThan(3_000);
});

test('a health report is a line only where the state changes, with the state and its reason', async () => {
  const { lines, send } = await connected();
  const report = { type: 'healthStatus', agentId: 'waf', timestampMs: 1 } as const;
  for (let round = 0; round < 3; round++) await send({ ...report, state: 'healthy' });
  expect(lines.filter(({ level }) => level !== 'debug')).toEqual([]);
  const unhealthy = { ...report, state: 'unhealthy', unhealthyReason: 'no rules' } as const;
  await send(unhealthy, unhealthy, { ...report, state: 'healthy' });
  expect(lines.map(({ level, fields: { state }, message }) => [level, state, message])).toEqual([
    ['warn', 'unhealthy', 'an agent reports that it is not healthy'],
    ['info', 'healthy', 'an agent reports that it is healthy again'],
  ]);
});
