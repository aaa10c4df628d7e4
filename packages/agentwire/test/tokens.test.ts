import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { allow, AgentClientV2, AgentClientV2Uds, defineAgent, serveAgent } from 'agentwire';
import { expect, onTestFinished, test } from 'vitest';

const agent = defineAgent({ name: 'waf', version: '1', onRequestHeaders: () => allow() });

async function served(): Promise<{ dial: ((token: string) => Promise<AsyncDisposable>)[]; seen: unknown[] }> {
  const folder = mkdtempSync(`${tmpdir()}/aw-`);
  const seen: unknown[] = [];
  const server = await serveAgent(agent, {
    listen: [`unix:${folder}/a.sock`, 'grpc://127.0.0.1:0'],
    authorize: (_, { token }) => void seen.push(token),
  });
  onTestFinished(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });
  const [uds = '', grpc = ''] = server.endpoints;
  return {
    seen,
    dial: [
      (token) => AgentClientV2Uds.connect(uds.slice('unix:'.length), { token }),
      (token) => AgentClientV2.connect(grpc, { token }),
    ],
  };
}

test('a token of up to 16 KiB of visible ASCII arrives whole over every transport', async () => {
  const { dial, seen } = await served();
  const token = `${'!~Az09.-_'.repeat(1_820)}abcd`;
  expect(token.length).toBe(16_384);
  for (const connect of dial) {
    await using _ = await connect(token);
  }
  expect(seen).toEqual([token, token]);
});

test.each(['', 'a b', 'a\n', 'ä', '\u007f', 'x'.repeat(16_385)])(
  'one that is none is refused where it is given',
  async (token) => {
    const { dial, seen } = await served();
    for (const connect of dial) {
      const error = await connect(token).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
      if (token.length > 3) expect((error as Error).message).not.toContain(token);
    }
    await expect(() => serveAgent(agent, { reverse: [{ address: 'unix:/nonexistent', token }] })).rejects.toMatchObject(
      {
        code: 'ERR_INVALID_ARGUMENT',
      },
    );
    expect(seen).toEqual([]);
  },
);
