import { connect } from 'node:net';
import { AgentPool } from '@agentwire/pool';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createGateway } from '../src/index.ts';

function gatewayOf(): ReturnType<typeof createGateway> {
  const pool = new AgentPool();
  onTestFinished(() => pool.close());
  return createGateway({ pool, upstream: 'http://127.0.0.1:9', agents: [] });
}

describe.each(['close', 'drain'] as const)('%s', (end) => {
  test('before listen: listen rejects', async () => {
    const gateway = gatewayOf();
    await gateway[end]();
    await expect(gateway.listen()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  test('while listen waits: listen rejects and no port stays open', async () => {
    const gateway = gatewayOf();
    const listening = gateway.listen({ port: 0 });
    const ending = gateway[end]();
    await expect(listening).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await ending;
  });

  test('after listen: its port refuses connections', async () => {
    const gateway = gatewayOf();
    const { port, hostname } = new URL(await gateway.listen({ port: 0 }));
    await gateway[end]();
    const code = await new Promise((resolve) => {
      connect(Number(port), hostname)
        .on('error', (error: Error & { code: string }) => resolve(error.code))
        .on('connect', () => resolve('connected'));
    });
    expect(code).toBe('ECONNREFUSED');
  });
});
