import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { payload, target } from '@agentwire/a2a-router';
import { startedInEachTest, until } from './node.ts';
import { startRelay } from './relay.ts';
import { hasServer, startServer, type TestServer, unlessServer } from './server.ts';

const OFTEN = { presenceIntervalMs: 100, reconnectMs: 10 };
const HIDDEN = { ...OFTEN, auth: { user: 'hidden', pass: 'secret' } };
const OPEN = { ...OFTEN, auth: { user: 'open', pass: 'secret' } };

describe.skipIf(!hasServer)(`a node that may not announce itself${unlessServer}`, { timeout: 20_000 }, () => {
  let server: TestServer;
  const { start, afterNodes } = startedInEachTest();
  beforeAll(async () => {
    const permissions = 'permissions: { publish: { allow: [">"], deny: ["a2a.*.presence"] } }';
    server = await startServer(
      `authorization { users: [ { user: open, pass: secret }, { user: hidden, pass: secret, ${permissions} } ] }`,
    );
  });
  afterAll(() => server.stop());

  it('tells each node that it hears of: it is known, with its services, until it leaves', async () => {
    const a = await start('a', server.url, OPEN);
    const hidden = await start('h', server.url, HIDDEN);
    const known = (): unknown =>
      a.backend
        .nodes()
        .find(({ nodeId }) => nodeId === 'h')
        ?.services.map(({ name }) => name);
    await until(() => known() !== undefined);
    hidden.add('one').provide('work');
    await until(() => JSON.stringify(known()) === '["work"]');
    await hidden.close();
    await until(() => known() === undefined);
    expect(a.backend.stats.malformed).toBe(0);
  });

  it('is asked for requests that another node has lost, and keeps those that it has', async () => {
    const relay = await startRelay(server.port);
    afterNodes(() => relay.close());
    const [a, b, hidden] = [
      await start('a', server.url, OPEN),
      await start('b', relay.url, OPEN),
      await start('h', server.url, HIDDEN),
    ];
    const one = a.add('one');
    b.add('two').provide('work');
    const three = hidden.add('three');
    three.provide('work');
    await Promise.all([b.backend.flush(), hidden.backend.flush()]);
    await until(() => a.backend.nodes().filter(({ services }) => services.length === 1).length === 2);
    relay.lose('fromServer');
    // a queue group gives a request to any of its members
    let lost = 0;
    const asking = Array.from({ length: 40 }, () =>
      one.request(target.service('work'), payload.text('?'), { timeoutMs: 60_000 }).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'ERR_CLOSED' });
        lost += 1;
        return undefined;
      }),
    );
    await a.backend.flush();
    await hidden.backend.flush();
    const held = three.inbox.size;
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThan(40);
    relay.cut();
    await until(() => lost === 40 - held);
    for (let n = 0; n < held; n += 1) await (await three.inbox.receive())?.reply(payload.text('here'));
    const answers = await Promise.all(asking);
    expect(answers.filter((answer) => answer !== undefined)).toHaveLength(held);
  });
});
