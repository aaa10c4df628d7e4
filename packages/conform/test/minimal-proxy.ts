import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { ProxyLink } from './minimal-proxy-link.ts';

/** Outcome of an event. */
interface Verdict {
  readonly block?: number;
  readonly more?: boolean;
  readonly failed?: boolean;
}

interface Answer {
  readonly request_id: number;
  readonly decision: unknown;
  readonly needs_more?: boolean;
}

const CHUNK = 65_536;
const METADATA = { client_ip: '192.0.2.1', protocol: 'HTTP/1.1', timestamp: '2025-01-01T00:00:00Z' };

function readVerdict({ decision, needs_more: more = false }: Answer): Verdict {
  if (decision === 'allow') return { more };
  const block = (decision as { block?: { status?: number } }).block?.status;
  return block === undefined ? { failed: true } : { block };
}

/** Smallest proxy in the documented dialect, with one fault or none. */
export class MinimalProxy {
  readonly server: Server;
  readonly #fault: string;
  readonly #link: ProxyLink;
  /** Second connection, for faults that need one. */
  readonly #side: ProxyLink | undefined;
  readonly #waiting = new Map<number, ((verdict: Verdict) => void)[]>();
  /** Second answers, for the fault that keeps them. */
  readonly #spare = new Map<number, Verdict>();
  #asked = 0;
  #stuck = false;

  constructor(path: string, fault: string) {
    this.#fault = fault;
    const onMessage = (type: number, text: string, link: ProxyLink): void => this.#take(type, text, link);
    this.#link = new ProxyLink(path, fault, { onMessage, onLost: () => this.#fail() });
    if (fault.endsWith('-elsewhere')) this.#side = new ProxyLink(path, fault, { onMessage, onLost: () => false });
    this.server = createServer((request, response) => void this.#serve(request, response));
  }

  close(): void {
    this.#link.close();
    this.#side?.close();
    this.server.closeAllConnections();
    this.server.close();
  }

  #is(fault: string): boolean {
    return this.#fault === fault;
  }

  /** Fails the pending requests. */
  #fail(): boolean {
    const waiting = [...this.#waiting.values()].flat();
    this.#waiting.clear();
    if (!this.#is('death-hangs')) for (const settle of waiting) settle({ failed: true });
    return waiting.length > 0;
  }

  #ask(id: number, type: number, fields: object, isAway = false): Promise<Verdict> {
    return new Promise((resolve) => {
      const link = isAway ? (this.#side ?? this.#link) : this.#link;
      if (!link.send(type, { request_id: id, ...fields })) return resolve({ failed: true });
      const spare = this.#spare.get(id);
      if (spare !== undefined) return resolve(spare);
      this.#waiting.set(id, [...(this.#waiting.get(id) ?? []), resolve]);
    });
  }

  #take(type: number, text: string, link: ProxyLink): void {
    if (type === 0x20) return this.#answered(JSON.parse(text) as Answer);
    if (type === 0xf0 && !this.#is('no-pong')) link.send(0xf1, this.#is('pong-empty') ? {} : JSON.parse(text));
    if (type === 0x77 && this.#is('unknown-closes')) link.drop();
    if (type !== 0x10) return;
    if (this.#is('wrong-direction-decides')) return this.#answered(JSON.parse(text) as Answer);
    this.#stuck ||= this.#is('wrong-direction-sticks');
    link.drop();
  }

  #answered(answer: Answer): void {
    const verdict = readVerdict(answer);
    const [oldest = 0] = this.#waiting.keys();
    if (verdict.failed === true && this.#is('broken-closes')) return this.#link.drop();
    if (verdict.failed === true && this.#is('broken-hangs')) return;
    const isWaiting = this.#waiting.has(answer.request_id);
    if (!isWaiting && this.#is('second-answer-next')) this.#spare.set(answer.request_id, verdict);
    if (!isWaiting && this.#is('late-answer-next') && verdict.block !== undefined)
      answer = { ...answer, request_id: oldest };
    const isKnown = answer.request_id <= this.#asked;
    const id = (isKnown ? this.#is('answers-in-order') : this.#is('any-id')) ? oldest : answer.request_id;
    const [settle, ...rest] = this.#waiting.get(id) ?? [];
    if (rest.length > 0) this.#waiting.set(id, rest);
    else this.#waiting.delete(id);
    settle?.(verdict.failed === true && this.#is('broken-allows') ? {} : verdict);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    this.#asked += 1;
    const id = this.#is('ids-shared') ? this.#asked % 16 : this.#asked;
    response.on('close', () => {
      if (response.writableFinished || this.#is('no-cancel')) return;
      this.#link.send(0x30, { request_id: id, reason: 'client_disconnect' });
      this.#waiting.delete(id);
    });
    const { block, failed, text = '' } = await this.#outcome(id, request, body);
    response.writeHead(failed === true ? 502 : (block ?? 200)).end(text);
  }

  async #outcome(id: number, { method, url }: IncomingMessage, body: Buffer): Promise<Verdict & { text?: string }> {
    if (this.#stuck) return { failed: true };
    if (this.#is('never-asks')) return { text: 'fine' };
    const metadata = this.#is('no-metadata') ? {} : METADATA;
    const uri = this.#is('no-query') ? url?.split('?')[0] : url;
    const fields = { uri, headers: [], metadata, ...(!this.#is('no-method') && { method }) };
    if (this.#is('query-asked-twice') && url?.includes('?') === true) void this.#ask(id, 0x10, fields);
    const head = await this.#ask(id, 0x10, fields);
    if (head.block !== undefined && this.#is('more-after-block'))
      void this.#ask(id, 0x12, { status: 200, headers: [] });
    if (head.block !== undefined && this.#is('blocks-are-403')) return { block: 403 };
    if (head.block !== undefined || head.failed === true) return head;
    if (this.#is('body-always') || (head.more === true && !this.#is('body-never'))) {
      const { block, failed } = await this.#sendBody(id, body);
      if (failed === true || (block !== undefined && !this.#is('chunk-block-lost')))
        return { failed: failed === true, ...(block !== undefined && { block }) };
    }
    return this.#respond(id);
  }

  async #sendBody(id: number, body: Buffer): Promise<Verdict> {
    for (let index = 0; index * CHUNK < body.length; index += 1) {
      const piece = body.subarray(index * CHUNK, (index + 1) * CHUNK);
      const data = (this.#is('chunk-empty') ? Buffer.alloc(0) : piece).toString('base64');
      const last = (index + 1) * CHUNK >= body.length && !this.#is('chunk-no-last');
      const chunk = { chunk_index: this.#is('chunk-index-one') ? index + 1 : index, data, is_last: last };
      const verdict = await this.#ask(id, 0x11, chunk, this.#is('chunk-elsewhere'));
      if (verdict.block !== undefined || verdict.failed === true) return verdict;
    }
    return {};
  }

  async #respond(id: number): Promise<Verdict & { text?: string }> {
    const text = 'fine';
    if (this.#is('no-response-headers')) return { text };
    const {
      failed = false,
      more,
      block,
    } = await this.#ask(id, 0x12, { status: 200, headers: [] }, this.#is('response-elsewhere'));
    if (failed) return { failed };
    if (block !== undefined) return { block };
    if (more === true) {
      const data = Buffer.from(text).toString('base64');
      await this.#ask(id, 0x13, { chunk_index: 0, data, is_last: true });
      if (this.#is('response-body-lost')) return {};
    }
    return { text };
  }
}
