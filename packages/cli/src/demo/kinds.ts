import type { RequestSummary } from '@agentwire/gateway';

/** One HTTP request of the demo. */
interface DemoRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Set when the client disconnects as soon as the upstream has the request. */
  readonly leave?: boolean;
}

/** Response to the client. */
export interface DemoResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Kind of request, and its expected result. */
export interface DemoKind {
  readonly name: string;
  /** Share of this kind, in percent of the requests. */
  readonly share: number;
  readonly outcome: RequestSummary['outcome'];
  /** Agent that must have decided; absent for requests that pass. */
  readonly agent?: string;
  readonly status: number;
  make(n: number): DemoRequest;
  /** Further requirement on the answer. */
  check?(response: DemoResponse, request: DemoRequest): boolean;
}

const KEY = { 'x-api-key': 'demo-key' };
/** Echo of the demo's upstream. */
interface Echo {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const echoed = (response: DemoResponse): Echo => JSON.parse(response.body) as Echo;
const order = (n: number): string =>
  JSON.stringify({ order: n, items: Array.from({ length: 40 }, (_, at) => ({ sku: `sku-${at}`, amount: at })) });

/** Every kind of request that the demo sends. */
export const DEMO_KINDS: readonly DemoKind[] = [
  {
    name: 'allowed',
    share: 30,
    outcome: 'allowed',
    status: 200,
    make: (n) => ({ method: 'GET', path: `/items/${n}`, headers: KEY }),
  },
  {
    name: 'rewritten headers',
    share: 14,
    outcome: 'allowed',
    status: 200,
    make: (n) => ({ method: 'GET', path: `/account?n=${n}`, headers: { ...KEY, 'x-client-name': 'another-client' } }),
    check: (response) => {
      const { headers } = echoed(response);
      return headers['x-client-name'] === 'demo' && headers['x-waf'] === 'pass' && headers['x-api-key'] === undefined;
    },
  },
  {
    name: 'body inspected',
    share: 14,
    outcome: 'allowed',
    status: 200,
    make: (n) => ({
      method: 'POST',
      path: `/orders?n=${n}`,
      headers: { ...KEY, 'content-type': 'application/json' },
      body: order(n),
    }),
    check: (response, request) => echoed(response).body === request.body,
  },
  {
    name: 'blocked: path traversal',
    share: 10,
    outcome: 'blocked',
    agent: 'waf',
    status: 403,
    make: (n) => ({ method: 'GET', path: `/files?n=${n}&name=../../etc/passwd`, headers: KEY }),
  },
  {
    name: 'blocked: attack in body',
    share: 8,
    outcome: 'blocked',
    agent: 'waf',
    status: 403,
    make: (n) => ({
      method: 'POST',
      path: `/comments?n=${n}`,
      headers: KEY,
      body: `text=${'a'.repeat(2000)}<script>alert(${n})</script>`,
    }),
  },
  {
    name: 'blocked: unknown key',
    share: 8,
    outcome: 'blocked',
    agent: 'api-key',
    status: 403,
    make: (n) => ({ method: 'GET', path: `/items/${n}`, headers: { 'x-api-key': `guess-${n}` } }),
  },
  {
    name: 'challenged: no key',
    share: 6,
    outcome: 'challenged',
    agent: 'api-key',
    status: 401,
    make: (n) => ({ method: 'GET', path: `/items/${n}?who=guest`, headers: {} }),
    check: (response) => response.headers['www-authenticate'] !== undefined,
  },
  {
    name: 'redirected: browser',
    share: 6,
    outcome: 'redirected',
    agent: 'api-key',
    status: 302,
    make: (n) => ({ method: 'GET', path: `/home?n=${n}`, headers: { accept: 'text/html' } }),
    check: (response) => response.headers['location'] === '/login',
  },
  {
    name: 'cancelled by client',
    share: 4,
    outcome: 'cancelled',
    status: 0,
    make: (n) => ({ method: 'GET', path: `/slow?n=${n}`, headers: KEY, leave: true }),
  },
];
