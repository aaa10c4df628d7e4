import {
  negotiate,
  ConnectionBase,
  FEATURES,
  type Hello,
  type Message,
  type Peer,
  type Received,
  type Role,
} from '@agentwire/core';

const proxyHello: Hello = {
  role: 'proxy',
  name: 'proxy',
  version: '1',
  features: FEATURES,
  encodings: ['json'],
};
const agentHello: Hello = { role: 'agent', name: 'waf', version: '1', features: FEATURES, encodings: ['json'] };

/** A connection whose other side is the test: `sent` is what was sent, `receive` is what comes. */
export class FakeConnection extends ConnectionBase {
  readonly peer: Peer;
  readonly sent: Message[] = [];
  bufferedBytes = 0;
  receivedBytes = 0;
  /** Result of `send`. */
  writable = true;
  /** Thrown by the next send. */
  failNext: Error | undefined;

  constructor(
    role: Role,
    options: { dialect?: 'documented' | 'zentinel'; ids?: 'number' | 'text'; peer?: Partial<Hello> } = {},
  ) {
    super('fake');
    const [self, other] = role === 'proxy' ? [proxyHello, agentHello] : [agentHello, proxyHello];
    const { dialect = 'documented', ids = 'number' } = options;
    this.peer = negotiate(self, { ...other, ...options.peer }, { dialect, ids, maxMessageBytes: 16_777_216 });
  }

  open(session: {
    onMessage(m: Received): void;
    onClose(r: { by: 'local' | 'remote' }): void;
    onDrain?(): void;
    onPeerEnd?(): void;
  }): void {
    this.attach(() => session);
  }

  protected write(message: Message): boolean {
    const error = this.failNext;
    this.failNext = undefined;
    if (error !== undefined) throw error;
    this.sent.push(message);
    return this.writable;
  }

  protected startClose(): void {
    this.ended({ by: 'local' });
  }

  protected destroy(): void {
    // nothing to drop: the test is the medium
  }

  receive(...messages: Received[]): void {
    for (const message of messages) {
      this.receivedBytes += 1;
      this.deliver(message);
    }
  }

  drainBuffer(): void {
    this.writable = true;
    this.drained();
  }

  halfClose(): void {
    if (!this.peerEnded()) void this.close();
  }

  die(): void {
    this.ended({ by: 'remote' });
  }

  ofType<T extends Message['type']>(type: T): Extract<Message, { type: T }>[] {
    return this.sent.filter((message): message is Extract<Message, { type: T }> => message.type === type);
  }
}
