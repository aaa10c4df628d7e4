import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const path = (relative: string): string => fileURLToPath(new URL(`../../${relative}`, import.meta.url));
/** Folder with OpenTelemetry in its dependencies. */
const INSTALLED = path('examples/observability');

/** Receiver of OTLP over HTTP that keeps what it is sent. */
async function receiver(): Promise<{ url: string; received: string[] }> {
  const received: string[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request
      .on('data', (part: Buffer) => parts.push(part))
      .on('end', () => {
        received.push(`${request.url} ${Buffer.concat(parts).toString('latin1')}`);
        response.end('{}');
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

function gateway(cwd: string, env: Record<string, string>, ...args: string[]) {
  const bin = path('packages/cli/bin/agentwire.js');
  const all = [bin, 'gateway', '--listen', '127.0.0.1:0', '--upstream', 'http://127.0.0.1:1', ...args];
  const child = spawn(process.execPath, all, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close') as Promise<[number | null]>;
  child.stderr.resume();
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  return {
    url: async () => {
      const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
      return line.replace('listening ', '');
    },
    stop: async () => {
      child.kill('SIGTERM');
      return (await closed)[0];
    },
  };
}

test.each(['--otlp', 'OTEL_EXPORTER_OTLP_ENDPOINT'])(
  '%s sends the spans of a gateway to a receiver',
  async (by) => {
    const { url, received } = await receiver();
    const isFlag = by === '--otlp';
    const env: Record<string, string> = isFlag ? {} : { [by]: url, OTEL_SERVICE_NAME: 'edge' };
    const running = gateway(INSTALLED, env, ...(isFlag ? [by, url] : []));
    expect((await fetch(await running.url())).status).toBe(502);
    // it sends what waits before it ends
    expect(await running.stop()).toBe(0);
    expect(received).toEqual([expect.stringMatching(/^\/v1\/traces /)]);
    expect(received[0]).toContain(isFlag ? 'agentwire-gateway' : 'edge');
  },
  30_000,
);
