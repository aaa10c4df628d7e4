import { createServer, type Server, type Socket } from 'node:net';

/** Fault of a minimal agent. */
export type Fault = string;

interface Json {
  readonly [key: string]: unknown;
}

const frame = (type: number, payload: string | Buffer): Buffer => {
  const bytes = Buffer.from(payload);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length + 1);
  head[4] = type;
  return Buffer.concat([head, bytes]);
};
const KNOWN_HELLO = new Set(['protocol_version', 'client_name', 'supported_features', 'supported_encodings']);

/**
 * The smallest agent that passes every check in the documented dialect: it shares no code with agentwire but what the checks ask
 * for. With a fault it does one thing wrong, so that a check can be seen to fail.
 */
export class MinimalAgent {
  readonly server: Server;
  readonly #fault: Fault;
  readonly #peers = new Set<Peer>();
  readonly #timers = new Set<NodeJS.Timeout>();
  dead = false;
  busy = false;
  /** Set while a connection does not accept writes. */
  full = false;

  constructor(fault: Fault) {
    this.#fault = fault;
    this.server = createServer({ allowHalfOpen: true }, (socket) => {
      if (this.dead || (fault === 'three-connections' && this.#peers.size >= 3)) socket.destroy();
      else this.#peers.add(new Peer(this, socket));
      socket.on('close', () => {
        for (const peer of this.#peers) if (peer.socket === socket) this.#peers.delete(peer);
      });
    });
  }

  is(fault: Fault): boolean {
    return this.#fault === fault;
  }

  later(run: () => void, ms: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms);
    this.#timers.add(timer);
  }

  /** Ends all connections, as a crash does. */
  die(): void {
    this.dead = true;
    for (const peer of this.#peers) peer.socket.destroy();
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const peer of this.#peers) peer.socket.destroy();
    this.server.close();
  }
}

class Peer {
  readonly socket: Socket;
  readonly #agent: MinimalAgent;
  readonly #cancelled = new Set<string>();
  readonly #bodies = new Map<string, string>();
  readonly #paths = new Map<string, string>();
  readonly #used = new Set<string>();
  #received: Buffer = Buffer.alloc(0);
  #accepted = false;
  #wedged = false;
  #slow = 0;
  #slowId = '';
  #waiting: [number, Buffer][] = [];
  /** Answers to chunks that came before their head was answered. */
  #afterHead: (() => void)[] = [];
  #pongs: Buffer[] = [];
  #count = 0;

  constructor(agent: MinimalAgent, socket: Socket) {
    this.#agent = agent;
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('end', () => {
      if (agent.is('end-drops')) return void socket.destroy();
      if (agent.is('cut-waits') && this.#received.length > 0) return;
      socket.end();
    });
    socket.on('drain', () => (agent.full = false));
    socket.on('close', () => {
      if (agent.is('cut-kills') && this.#received.length > 0) agent.die();
    });
  }

  #take(chunk: Buffer): void {
    const agent = this.#agent;
    if (this.#wedged) return;
    this.#received = agent.is('no-buffer') ? chunk : Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 4 && !this.#wedged && !(agent.full && agent.is('waits-for-all'))) {
      const length = this.#received.readUInt32BE(0);
      const limit = agent.is('small-frames') ? 200_000 : this.#accepted ? 16 * 1024 * 1024 : 64 * 1024;
      if (length === 0 && agent.is('zero-ignored')) {
        this.#received = this.#received.subarray(4);
        continue;
      }
      if (length === 0 || (length > limit && !agent.is('no-limit'))) return void this.socket.destroy();
      if (this.#received.length < 4 + length) return;
      const [type, payload] = [this.#received[4] as number, this.#received.subarray(5, 4 + length)];
      this.#received = this.#received.subarray(4 + length);
      if ((agent.is('serial') && this.#slow > 0) || (agent.is('one-at-all') && agent.busy)) {
        this.#waiting.push([type, payload]);
      } else this.#frame(type, payload);
    }
  }

  #frame(type: number, payload: Buffer): void {
    if (type === 0x01) this.#hello(payload);
    else if (type === 0x7b && this.#agent.is('version-one-answered'))
      this.socket.write(frame(0x02, '{"accepted":true}'));
    else if (!this.#accepted && !this.#agent.is('no-handshakeMode-needed')) this.socket.destroy();
    else this.#message(type, payload);
  }

  #hello(payload: Buffer): void {
    const agent = this.#agent;
    if (agent.is('silent')) return;
    let hello: Json;
    try {
      hello = JSON.parse(payload.toString()) as Json;
    } catch {
      if (!agent.is('garbage-accepted')) return void this.socket.destroy();
      hello = { protocol_version: 2 };
    }
    if (this.#accepted && !agent.is('greets-twice')) return void this.socket.destroy();
    const unknown = Object.keys(hello).some((key) => !KNOWN_HELLO.has(key));
    if (unknown && agent.is('strict-fields')) return void this.socket.destroy();
    const offered = (hello['supported_encodings'] ?? []) as string[];
    if (agent.is('strict-encodings') && offered.some((word) => !['json', 'msgpack'].includes(word))) {
      return void this.socket.destroy();
    }
    if (hello['protocol_version'] !== 2 && !agent.is('any-version')) {
      if (agent.is('no-reason')) return void this.socket.destroy();
      const error = `unsupported protocol version ${String(hello['protocol_version'])}`;
      this.socket.end(frame(0x02, JSON.stringify({ protocol_version: 2, accepted: false, success: false, error })));
      return;
    }
    this.#accepted = true;
    const flags = ['request_headers', 'request_body', 'response_headers', 'response_body'].map(
      (one) => `handles_${one}`,
    );
    const all = [...flags, 'supports_streaming', ...(agent.is('field-missing') ? [] : ['supports_cancellation'])];
    const capabilities = Object.fromEntries(all.map((key) => [key, true]));
    const last = agent.is('last-encoding') ? (offered.at(-1) ?? 'json') : 'json';
    const encoding = agent.is('always-msgpack') ? 'msgpack' : last;
    const reply = { protocol_version: 2, agent_name: 'minimal', capabilities, supported_features: [], encoding };
    this.socket.write(frame(0x02, JSON.stringify(reply)));
  }

  #message(type: number, payload: Buffer): void {
    const agent = this.#agent;
    if (type === 0xf0 || (type === 0x41 && agent.is('both-dialects'))) return this.#pong(payload);
    if (type === 0x77) return void (agent.is('unknown-closes') && this.socket.destroy());
    if (type === 0x30 || (type === 0x40 && agent.is('other-cancel-answered'))) return this.#cancel(type, payload);
    if (type === 0x20 && agent.is('takes-answers')) return this.#answer('1', { decision: 'allow' });
    if (type < 0x10 || type > 0x13) return void this.socket.destroy();
    const id = /"request_id":(\d+)/.exec(payload.toString())?.[1];
    if (id === undefined) return;
    let event: Json;
    try {
      event = JSON.parse(payload.toString()) as Json;
    } catch {
      return void this.socket.destroy();
    }
    this.#event(type, id, event);
  }

  #event(type: number, id: string, event: Json): void {
    const agent = this.#agent;
    if (type === 0x10 && typeof event['method'] !== 'string') {
      if (agent.is('malformed-allowed')) return this.#answer(id, { decision: 'allow' });
      if (agent.is('malformed-allowed-later')) return agent.later(() => this.#answer(id, { decision: 'allow' }), 20);
      if (agent.is('malformed-wedges')) return void (this.#wedged = true);
      if (agent.is('malformed-kills')) return agent.die();
      return this.#answer(id, { decision: { block: { status: 500 } } });
    }
    if ('x_conform' in event && agent.is('strict-events')) return void this.socket.destroy();
    if (type === 0x10 && agent.is('ascii-only') && /[^\x20-\x7e]/.test(JSON.stringify(event))) return;
    if (type === 0x10 && agent.is('ids-once') && this.#used.size !== this.#used.add(id).size - 1) return;
    if (type === 0x11 && agent.is('no-request-chunks')) return;
    if (type === 0x12 && agent.is('no-response-headers')) return;
    if (type === 0x13 && agent.is('no-response-chunks')) return;
    if (type === 0x10) this.#head(id, new URL(String(event['uri']), 'http://x').pathname, String(event['uri']));
    else if (type === 0x11) this.#chunk(id, event);
    else this.#answer(id, { decision: 'allow' });
  }

  #head(id: string, path: string, uri: string): void {
    const agent = this.#agent;
    this.#paths.set(id, path);
    this.#bodies.delete(agent.is('one-body') ? '' : id);
    const block = agent.is('block-without-status') ? {} : { status: 403 };
    const set = { set: { name: 'x-agent-set', value: '1' } };
    const add = [1, 2].map((value) => ({ add: { name: 'x-agent-add', value: `${value}` } }));
    const operations = [set, ...add, { remove: { name: 'x-remove-me' } }];
    if (path === '/slow') return this.#later(id, Number(/ms=(\d+)/.exec(uri)?.[1]));
    if (path === '/throw' && agent.is('throw-closes')) return void this.socket.destroy();
    if (path === '/throw' && agent.is('throw-allowed-later'))
      return agent.later(() => this.#answer(id, { decision: 'allow' }), 20);
    const decisions: Readonly<Record<string, Json>> = {
      '/block': { decision: { block } },
      '/redirect': { decision: { redirect: { url: 'https://example.test/', status: 302 } } },
      '/challenge': { decision: { challenge: { challenge_type: 'captcha', params: {} } } },
      '/mutate': {
        decision: 'allow',
        request_headers: agent.is('operations-reversed') ? operations.toReversed() : operations,
      },
      '/needs-more': { decision: 'allow', needs_more: true },
      '/transform': { decision: 'allow', needs_more: true },
      '/throw': { decision: agent.is('throw-allowed') ? 'allow' : { block: { status: 500 } } },
    };
    this.#answer(id, decisions[path] ?? { decision: agent.is('wrong-decision') ? 'maybe' : 'allow' });
  }

  #later(id: string, ms: number): void {
    this.#slow += 1;
    this.#slowId = id;
    this.#agent.busy = true;
    this.#agent.later(() => {
      this.#slow -= 1;
      this.#agent.busy = false;
      const wanted = !this.#cancelled.has(id) || this.#agent.is('cancel-ignored');
      const operations = [{ set: { name: 'x-agent', value: 'allow' } }];
      if (wanted) this.#answer(id, { decision: 'allow', request_headers: operations });
      for (const late of this.#afterHead.splice(0)) late();
      for (const [type, payload] of this.#waiting.splice(0)) this.#frame(type, payload);
    }, ms);
  }

  #chunk(id: string, event: Json): void {
    const agent = this.#agent;
    const path = this.#paths.get(id);
    const key = agent.is('one-body') ? '' : id;
    const index = event['chunk_index'];
    if (this.#slow > 0 && id === this.#slowId) {
      if (agent.is('late-head-is-all')) return;
      const operations = agent.is('late-head-repeated') ? [{ set: { name: 'x-agent', value: 'allow' } }] : [];
      return void this.#afterHead.push(() => this.#answer(id, { decision: 'allow', request_headers: operations }));
    }
    if (path === '/transform') {
      const shown = agent.is('indexes-reversed') ? 9 - Number(index) : index;
      return this.#answer(id, { decision: 'allow', request_body_mutation: { chunk_index: shown, data: null } });
    }
    const before = agent.is('forgets-bodies') ? '' : (this.#bodies.get(key) ?? '');
    const body = before + Buffer.from(String(event['data']), 'base64').toString();
    this.#bodies.set(key, body);
    if (path !== '/needs-more') return this.#answer(id, { decision: 'allow' });
    const attack = body.includes('attack') && (event['is_last'] === true || agent.is('one-body'));
    this.#answer(
      id,
      attack ? { decision: { block: { status: 403 } } } : { decision: 'allow', needs_more: event['is_last'] !== true },
    );
  }

  #answer(id: string, fields: Json): void {
    const agent = this.#agent;
    this.#count += 1;
    if (agent.is('every-tenth-lost') && this.#count % 10 === 0) return;
    const shown = agent.is('ids-rounded') ? String(Number(id)) : id;
    const wrong =
      agent.is('answers-mixed') && fields['decision'] === 'allow' ? { decision: { block: { status: 403 } } } : fields;
    const lists = { request_headers: [], response_headers: [] };
    const bytes = frame(0x20, `{"request_id":${shown},${JSON.stringify({ ...lists, ...wrong }).slice(1)}`);
    if (agent.is('end-drops')) return agent.later(() => this.socket.write(bytes), 20);
    if (!this.socket.write(agent.is('answers-twice') ? Buffer.concat([bytes, bytes]) : bytes)) agent.full = true;
  }

  #pong(payload: Buffer): void {
    const agent = this.#agent;
    if (!agent.is('pongs-reversed')) {
      return void this.socket.write(frame(0xf1, agent.is('pong-empty') ? '{}' : payload));
    }
    this.#pongs.push(payload);
    if (this.#pongs.length === 100)
      this.socket.write(Buffer.concat(this.#pongs.toReversed().map((one) => frame(0xf1, one))));
  }

  #cancel(type: number, payload: Buffer): void {
    if (this.#agent.is('cancel-closes')) return void this.socket.destroy();
    if (type === 0x40) return this.#answer('1', { decision: 'allow' });
    const id = /"request_id":(\d+)/.exec(payload.toString())?.[1] ?? '';
    this.#cancelled.add(id);
    if (this.#agent.is('cancel-all')) for (const one of this.#paths.keys()) this.#cancelled.add(one);
  }
}
