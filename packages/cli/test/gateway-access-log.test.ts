import { Writable } from 'node:stream';
import type { RequestSummary } from '@agentwire/gateway';
import { expect, test } from 'vitest';
import { openGatewayAccessLog } from '../src/gateway-access-log.ts';

const SUMMARY: RequestSummary = {
  id: 'abc-1',
  method: 'GET',
  uri: '/a?token=secret',
  route: '',
  status: 200,
  outcome: 'allowed',
  startedAt: Date.UTC(2026, 10, 30, 8, 45, 12),
  client: '127.0.0.1',
  protocol: 'HTTP/1.1',
  durationMs: 1,
  agentsMs: 0.5,
  requestBytes: 0,
  responseBytes: 12,
};

class Kept extends Writable {
  text = '';
  readonly isTTY: boolean;

  constructor(isTTY: boolean) {
    super({ decodeStrings: false });
    this.isTTY = isTTY;
  }

  override _write(text: string, _encoding: string, done: () => void): void {
    this.text += text;
    done();
  }
}

/** Logs an allowed and a blocked request. @returns what is on stdout, and on stderr */
async function logged(
  isTTY: boolean,
  settings?: Parameters<typeof openGatewayAccessLog>[0],
  json = false,
): Promise<string[]> {
  const [stdout, stderr] = [new Kept(isTTY), new Kept(isTTY)];
  const quiet = (): void => undefined;
  const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  const log = await openGatewayAccessLog(settings, { terminal: { stdout, stderr }, logger, json });
  log.log(SUMMARY);
  log.log({ ...SUMMARY, uri: '/b', status: 403, outcome: 'blocked' });
  await log.close();
  return [stdout.text, stderr.text];
}

test('without a file every request is on stderr where that is a terminal', async () => {
  const [stdout, stderr = ''] = await logged(true);
  expect([stdout, stderr.split('\n').map((line) => /"GET (\S+) /.exec(line)?.[1])]).toEqual([
    '',
    ['/a', '/b', undefined],
  ]);
  expect(stderr).not.toContain('secret');
});

test('elsewhere only what agents blocked is', async () => {
  const [stdout, stderr = ''] = await logged(false);
  expect([stdout, stderr.split('\n').map((line) => /"GET (\S+) /.exec(line)?.[1])]).toEqual(['', ['/b', undefined]]);
});

test('lines on stderr are JSON where everything there is, and every request is on stdout for -', async () => {
  const [, stderr = ''] = await logged(false, {}, true);
  expect(JSON.parse(stderr)).toMatchObject({ path: '/b', status: 403, decision: 'blocked' });
  const [stdout = '', rest] = await logged(false, { file: '-', query: true });
  const lines = stdout.trimEnd().split('\n');
  expect([lines.map((line) => (JSON.parse(line) as { path: string }).path), rest]).toEqual([
    ['/a?token=secret', '/b'],
    '',
  ]);
});
