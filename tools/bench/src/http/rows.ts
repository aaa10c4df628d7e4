import type { Goal, Row } from '../plan/row.ts';

const AT = [1, 64];

function proxy(id: string, title: string, goals: Readonly<Record<number, readonly Goal[]>> = {}): Row {
  const end = { by: 'node', stack: id } as const;
  const loads = AT.map((inFlight) => ({ inFlight, goals: goals[inFlight] ?? [] }));
  return { id, title, group: 'http', place: 'tcp', server: end, client: end, loads };
}

/** Rows about whole HTTP requests; in flight are connections, one request each. */
export const HTTP_ROWS: readonly Row[] = [
  proxy('gateway', 'gateway with one UDS agent', {
    1: [
      { of: 'rate', atLeast: 3_700 },
      { of: 'p50Difference', to: 'gateway-alone', atMost: 0.08 },
    ],
    64: [
      { of: 'rate', atLeast: 14_000 },
      { of: 'rateRatio', to: 'gateway-alone', atLeast: 0.75 },
      { of: 'rateRatio', to: 'fastify', atLeast: 1 },
      { of: 'rateRatio', to: 'http-proxy', atLeast: 1 },
    ],
  }),
  proxy('gateway-one-connection', 'the same on one connection to the agent', {
    64: [{ of: 'rateRatio', to: 'gateway', atLeast: 1 }],
  }),
  proxy('gateway-alone', 'gateway without agents'),
  proxy('undici', 'node:http to undici, no agent'),
  proxy('fastify', 'fastify with @fastify/http-proxy, no agent'),
  proxy('http-proxy', 'http-proxy, no agent'),
];
