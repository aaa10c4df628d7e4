import { connect as connectTls } from 'node:tls';
import { AgentwireError } from '@agentwire/core';
import { createTcpTransport, type TlsOptions } from '@agentwire/transport-uds';
import { makeIdentity } from '../../../../packages/transport-grpc/test/support/certificates.ts';
import type { Cell } from '../cell/cell.ts';
import { inMs } from '../figures.ts';
import { monotonicMs } from '../now.ts';
import { netAddress } from '../relay/relay.ts';
import { register, startProxy } from '../reverse/proxy.ts';
import { type Row, type Verdict, verdict } from '../row.ts';
import { within } from '../wait.ts';

const WITHIN_MS = 1_000;
const CODES: ReadonlySet<string> = new Set(['ERR_CONNECT', 'ERR_UNAUTHORIZED', 'ERR_PROTOCOL', 'ERR_CLOSED']);

const PAST = '210101000000Z';

interface Case {
  readonly name: string;
  readonly server?: TlsOptions;
  readonly client?: TlsOptions;
  /** Address to dial instead. */
  readonly dial?: (address: string) => string;
}

function cases(): Case[] {
  const [ours, other] = [makeIdentity('authority'), makeIdentity('other authority')];
  const pair = (name: string, ...more: [dnsNames?: readonly string[], notAfter?: string]): TlsOptions => {
    const { cert, key } = makeIdentity(name, ours, ...more);
    return { cert, key, ca: ours.cert };
  };
  const strange = makeIdentity('a-1', other);
  const server = pair('proxy');
  const strict = { ...server, requireClientCertificate: true };
  return [
    { name: 'expired', server: pair('proxy', undefined, PAST), client: { ca: ours.cert } },
    {
      name: 'wrong host',
      server: pair('proxy', ['elsewhere.test']),
      client: { ca: ours.cert },
      dial: (address) => address.replace('127.0.0.1', 'localhost'),
    },
    { name: 'wrong CA', server, client: { ca: other.cert } },
    { name: 'missing client certificate', server: strict, client: { ca: ours.cert } },
    {
      name: 'client certificate of another CA',
      server: strict,
      client: { ca: ours.cert, cert: strange.cert, key: strange.key },
    },
    { name: 'expired client certificate', server: strict, client: pair('a-1', undefined, PAST) },
    { name: 'plaintext to TLS', server, client: {}, dial: (address) => address.replace('tls:', 'tcp:') },
  ];
}

async function refusal(cell: Cell, { name, server, client, dial }: Case): Promise<string[]> {
  const proxy = await startProxy(cell, { transports: [createTcpTransport({ tls: server })], handshakeTimeoutMs: 900 });
  const address = dial?.(proxy.address) ?? proxy.address;
  const since = monotonicMs();
  const found: string[] = [];
  try {
    const connection = await register(createTcpTransport({ tls: client }), address, 'a-1');
    connection.abort();
    found.push('was accepted');
  } catch (error) {
    const tookMs = monotonicMs() - since;
    if (!(error instanceof AgentwireError)) found.push(`threw ${String(error)}`);
    else if (!CODES.has(error.code)) found.push(`got ${error.code}: ${error.message}`);
    if (tookMs > WITHIN_MS) found.push(`was refused after ${inMs(tookMs)}`);
  }
  if (proxy.listener.connectionCount > 0) found.push('has a connection');
  await proxy.end();
  return found.map((text) => `${name}: ${text}`);
}

/** TLS to a proxy that speaks none, and a version that is too old. */
async function others(cell: Cell): Promise<string[]> {
  const found: string[] = [];
  const plain = await startProxy(cell, { address: 'tcp://127.0.0.1:0' });
  const since = monotonicMs();
  const attempt = register(createTcpTransport(), plain.address.replace('tcp:', 'tls:'), 'a-1').then(
    () => 'was accepted',
    (error: AgentwireError) => (CODES.has(error.code) ? undefined : `got ${error.code}`),
  );
  const outcome = await attempt;
  if (outcome !== undefined) found.push(`TLS to plaintext: ${outcome}`);
  if (monotonicMs() - since > WITHIN_MS) found.push(`TLS to plaintext: refused after ${inMs(monotonicMs() - since)}`);
  await plain.end();
  const proxy = await startProxy(cell);
  const old = connectTls({
    ...(netAddress(proxy.address) as { host: string; port: number }),
    rejectUnauthorized: false,
    minVersion: 'TLSv1.1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  });
  const ended = new Promise<string>((resolve) => {
    old.once('secureConnect', () => resolve('was accepted'));
    old.once('error', () => resolve('refused')).once('close', () => resolve('refused'));
  });
  const how = await within(ended, WITHIN_MS);
  if (how !== 'refused') found.push(`TLS 1.1: ${how ?? 'no end within 1 s'}`);
  old.destroy();
  await proxy.end();
  return found;
}

async function run(cell: Cell): Promise<Verdict> {
  const why: string[] = [];
  const all = cases();
  for (const one of all) {
    cell.progress(one.name);
    why.push(...(await refusal(cell, one)));
  }
  why.push(...(await others(cell)));
  return verdict(`${all.length + 2} cases`, why);
}

/** TLS that does not fit. */
export const tlsMatrix: Row = {
  id: 'V2',
  fault: 'expired, wrong host, wrong CA, missing client certificate, TLS 1.1, plaintext to TLS and back',
  must: 'typed refusal within 1 s',
  notApplicable: ({ reverse }) => (reverse === 'tls' ? undefined : 'no TLS here'),
  run,
};
