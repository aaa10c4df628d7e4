import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Decision } from '@agentwire/core';
import { eventAsProto, type ProtoJson } from './event-as-proto.ts';
import { ANSWER_TIMEOUT_MS, type HandshakeValue, type Peer } from './peer.ts';
import { decisionOfProto } from './response-of-proto.ts';

const FEATURES = ['streaming', 'cancellation', 'request_complete', 'websocket', 'guardrails', 'config_push', 'errors'];
const HANDSHAKE: ProtoJson = {
  supportedVersions: [2],
  proxyId: 'third-party',
  proxyVersion: '1',
  configJson: '{}',
  agentwireJson: JSON.stringify({ features: FEATURES }),
};
const CONNECT_TIMEOUT_MS = 20_000;

interface Waiter {
  readonly resolve: (message: ProtoJson) => void;
  readonly reject: (error: Error) => void;
}

/** A gRPC client in another language, which sends what it is told and prints what it gets. */
export class Relay {
  readonly #child;
  readonly #waiting = new Map<string, Waiter[]>();
  #closed: string | undefined;
  #streams = 0;

  constructor(command: readonly string[], endpoint: string) {
    const [program = '', ...args] = command;
    this.#child = spawn(program, [...args, '--grpc', endpoint.replace('grpc://', '')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.once('exit', () => this.#fail('the client ended'));
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#take(JSON.parse(line) as ProtoJson));
  }

  #take(message: ProtoJson): void {
    if ('closed' in message) return this.#fail(String(message['closed']));
    const [kind, body] = Object.entries(message)[0] ?? [''];
    const id = kind === 'response' ? String((body as ProtoJson)['correlationId']) : `:${kind}`;
    this.#waiting
      .get(id)
      ?.shift()
      ?.resolve(body as ProtoJson);
  }

  #fail(why: string): void {
    this.#closed = why;
    for (const waiters of this.#waiting.values()) for (const { reject } of waiters) reject(new Error(why));
    this.#waiting.clear();
  }

  #send(message: ProtoJson): void {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  #next(id: string, timeoutMs: number = ANSWER_TIMEOUT_MS): Promise<ProtoJson> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== undefined) return reject(new Error(this.#closed));
      const timer = setTimeout(() => reject(new Error('no answer in time')), timeoutMs);
      const waiter: Waiter = {
        resolve: (message) => (clearTimeout(timer), resolve(message)),
        reject: (error) => (clearTimeout(timer), reject(error)),
      };
      this.#waiting.set(id, [...(this.#waiting.get(id) ?? []), waiter]);
    });
  }

  #giveUp(ids: readonly string[]): void {
    for (const id of ids) {
      for (const { reject } of this.#waiting.get(id) ?? []) reject(new Error('cancelled'));
      this.#waiting.delete(id);
    }
  }

  /** Opens a stream and does the handshake on it. */
  async connect(): Promise<Peer> {
    if (this.#streams > 0) this.#child.stdin.write('\n');
    this.#streams += 1;
    this.#closed = undefined;
    this.#waiting.clear();
    this.#send({ handshake: HANDSHAKE });
    const { capabilities } = await this.#next(':handshake', CONNECT_TIMEOUT_MS);
    const { name, supportedEvents } = capabilities as { name: string; supportedEvents: number[] };
    return this.#peer({ agent: name, events: supportedEvents, encoding: null });
  }

  #peer(handshake: HandshakeValue): Peer {
    const send = (message: ProtoJson): void => this.#send(message);
    const isOpen = (): boolean => this.#closed === undefined;
    return {
      handshake,
      get connected() {
        return isOpen();
      },
      ask: async (id, event): Promise<Decision> => {
        const answer = this.#next(id);
        send(eventAsProto(id, event));
        return decisionOfProto(await answer);
      },
      complete: (correlationId, { status: statusCode, durationMs, error }) => {
        send({ requestComplete: { correlationId, statusCode, durationMs: String(durationMs), error } });
        return true;
      },
      cancel: (correlationId) => {
        send({ cancel: { correlationId, reason: 1, timestampMs: String(Date.now()) } });
        this.#giveUp([correlationId]);
      },
      cancelAll: () => {
        send({ cancelAll: { reason: 'proxy_shutdown' } });
        this.#giveUp([...this.#waiting.keys()]);
      },
      ping: async () => {
        send({ ping: { sequence: '7', timestampMs: '9' } });
        const pong = await this.#next(':pong');
        if (pong['sequence'] !== '7' || pong['pingTimestampMs'] !== '9') throw new Error('the pong is another one');
      },
      close: () => Promise.resolve(),
    };
  }

  /** Ends the client. */
  end(): void {
    this.#child.stdin.end();
  }
}
