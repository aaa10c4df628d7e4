import type { HeaderOp } from '@agentwire/core';
import { Random } from './random.ts';

/** Header lines as name and value. */
type Lines = readonly (readonly [string, string])[];

/** Framing of a body. */
type Framing = 'none' | 'length' | 'chunked' | 'close';

/** Body of a message. Text is latin-1. */
interface PlannedBody {
  readonly framing: Framing;
  readonly pieces: readonly string[];
}

/** Treatment of a body by an agent. `none` decides at the head. */
type Reading = 'none' | 'whole' | 'iterate' | 'chunks';

/** Plan of an agent for one direction of a request. */
export interface AgentSide {
  readonly verdict: 'allow' | 'block' | 'redirect' | 'challenge' | 'throw';
  readonly reading: Reading;
  /** With `chunks`, what becomes of each chunk. */
  readonly change: 'pass' | 'upper' | 'drop';
  readonly ops: readonly HeaderOp[];
}

/** Plan of one agent for a request and its response. */
interface AgentPlan {
  readonly request: AgentSide;
  readonly response: AgentSide;
}

/** The ways in which a request is not quite HTTP. */
const SPOILS = [
  'none',
  'space before colon',
  'bare LF',
  'two lengths',
  'length and chunked',
  'negative length',
  'bad chunk size',
  'cut body',
  'bytes after the end',
  'NUL in a value',
  'version 9.9',
  'no host',
  'two hosts',
  'fragment',
  'raw bytes in the target',
  'huge header',
  'obs-fold',
] as const;
type Spoil = (typeof SPOILS)[number];

/** One request with all that happens to it. */
export interface Scenario {
  readonly id: number;
  readonly mode: 'stream' | 'hold';
  readonly request: {
    readonly method: string;
    readonly target: string;
    readonly version: '1.1' | '1.0';
    readonly headers: Lines;
    readonly body: PlannedBody;
    readonly spoil: Spoil;
  };
  readonly client: 'fast' | 'slow' | 'leaves while sending' | 'leaves while reading';
  readonly agents: readonly [AgentPlan, AgentPlan];
  readonly upstream: {
    readonly status: number;
    readonly version: '1.1' | '1.0';
    readonly headers: Lines;
    readonly body: PlannedBody;
    readonly end: 'whole' | 'cut' | 'reset' | 'no answer';
    /** Set when it answers before it has read the request's body. */
    readonly early: boolean;
  };
}

/** Text in a request's body that agents block. */
export const ATTACK = 'attack';
/** Text in a response's body that agents block. */
export const SECRET = 'secret';

const METHODS = ['GET', 'GET', 'POST', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'PROPFIND'];
const TARGETS = ['/', '/a/b', '/a//b', '/%2e%2e/x', '/a;b=c', '/a?x=1&y', '/?', '/a%00b', '/ä'.replace('ä', '%C3%A4')];
const NAMES = ['x-user', 'X-Tenant', 'cookie', 'Authorization', 'accept', 'X-Forwarded-For', 'forwarded', 'x-a', 'x_a'];
const VALUES = ['1', '', 'a, b', 'caf\u00e9', '"q;r"', 'a=b; c=d', 'x'.repeat(300), '  padded  '];
const OP_NAMES = ['x-user', 'x-tenant', 'cookie', 'x-a', 'x-new', 'x-forwarded-tenant'];
const RESPONSE_NAMES = ['x-r', 'set-cookie', 'X-Up', 'etag', 'cache-control', 'vary'];
const STATUSES = [200, 200, 200, 201, 206, 204, 304, 404, 500, 503];

function bodyText(random: Random, marker: string): string[] {
  const pieces = random.list(0, 4, () =>
    random.pick(['a', 'hello ', '\r\n', 'x'.repeat(2_000), 'y'.repeat(70_000), '\u00ff\u0000']),
  );
  if (random.chance(0.25)) pieces.splice(random.int(0, pieces.length), 0, `an ${marker} here`);
  return pieces;
}

function requestOps(random: Random, names: readonly string[]): HeaderOp[] {
  return random.list(0, 2, (): HeaderOp => {
    const name = random.pick(names);
    if (random.chance(0.3)) return { op: 'remove', name };
    return { op: random.pick(['set', 'add'] as const), name, value: random.pick(['agent', 'a b', 'v'.repeat(40)]) };
  });
}

function side(random: Random, names: readonly string[], calm: number): AgentSide {
  const verdict = random.chance(calm) ? 'allow' : random.pick(['block', 'redirect', 'challenge', 'throw'] as const);
  return {
    verdict,
    reading: random.pick(['none', 'none', 'whole', 'iterate', 'chunks'] as const),
    change: random.pick(['pass', 'pass', 'upper', 'drop'] as const),
    ops: requestOps(random, names),
  };
}

function agentPlan(random: Random): AgentPlan {
  return { request: side(random, OP_NAMES, 0.88), response: side(random, RESPONSE_NAMES, 0.92) };
}

function upstreamBody(random: Random, status: number, version: string): PlannedBody {
  if (status === 204 || status === 304) return { framing: 'none', pieces: [] };
  const framing =
    version === '1.0'
      ? random.pick(['length', 'close'] as const)
      : random.pick(['length', 'chunked', 'close'] as const);
  return { framing, pieces: bodyText(random, SECRET) };
}

/**
 * Makes a scenario.
 *
 * @param wild whether requests may be broken, clients may leave and upstreams may fail, so that outcomes depend on time
 */
export function makeScenario(seed: number, id: number, wild: boolean): Scenario {
  const random = new Random(Math.imul(seed, 0x9e3779b1) ^ Math.imul(id + 1, 0x85ebca6b));
  const method = random.pick(METHODS);
  const version = random.chance(0.07) ? '1.0' : '1.1';
  const mayHaveBody = !['GET', 'HEAD', 'OPTIONS'].includes(method) || random.chance(0.1);
  const framing = mayHaveBody ? (version === '1.0' ? 'length' : random.pick(['length', 'chunked'] as const)) : 'none';
  const headers: [string, string][] = random.list(0, 5, () => [random.pick(NAMES), random.pick(VALUES)]);
  if (random.chance(0.15))
    headers.push(['Connection', random.pick(['close', 'x-user', 'keep-alive, x-a', 'host', 'cookie'])]);
  const status = random.pick(STATUSES);
  const upstreamVersion = random.chance(0.15) ? '1.0' : '1.1';
  return {
    id,
    mode: random.pick(['stream', 'hold'] as const),
    request: {
      method,
      target: random.pick(TARGETS),
      version,
      headers,
      body: { framing, pieces: framing === 'none' ? [] : bodyText(random, ATTACK) },
      spoil: wild && random.chance(0.3) ? random.pick(SPOILS) : 'none',
    },
    client: wild
      ? random.pick(['fast', 'fast', 'slow', 'leaves while sending', 'leaves while reading'] as const)
      : 'fast',
    agents: [agentPlan(random), agentPlan(random)],
    upstream: {
      status,
      version: upstreamVersion,
      headers: random.list(0, 3, () => [random.pick(RESPONSE_NAMES), random.pick(VALUES)] as const),
      body: upstreamBody(random, status, upstreamVersion),
      end: wild ? random.pick(['whole', 'whole', 'whole', 'cut', 'reset', 'no answer'] as const) : 'whole',
      early: wild && random.chance(0.1),
    },
  };
}
