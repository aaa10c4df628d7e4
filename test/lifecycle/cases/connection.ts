import {
  ConnectionBase,
  type ConnectionHandler,
  FEATURES,
  type Hello,
  type Message,
  negotiate,
  type Peer,
} from '@agentwire/core';
import { CONNECTION_LIFECYCLE } from '@agentwire/core/internal';
import type { LifecycleCase } from '../lifecycle-case.ts';

const proxy: Hello = { role: 'proxy', name: 'p', version: '1', features: FEATURES, encodings: ['json'] };
const agent: Hello = { ...proxy, role: 'agent', name: 'a' };

/** A connection without a medium. */
class BareConnection extends ConnectionBase {
  readonly peer: Peer = negotiate(agent, proxy, { dialect: 'documented', ids: 'number', maxMessageBytes: 100 });
  readonly bufferedBytes = 0;
  readonly receivedBytes = 0;

  constructor(handler: ConnectionHandler) {
    super('bare');
    this.attach(() => handler);
  }

  protected write(_message: Message): boolean {
    return true;
  }

  protected startClose(): void {
    // the test ends the medium
  }

  protected destroy(): void {
    // there is no medium
  }

  /** Lets the medium end. */
  end(): void {
    this.ended({ by: 'remote' });
  }

  /** Receives a message. */
  receive(): void {
    this.deliver({ type: 'cancelAll' });
  }
}

/** The connection that all transports share. */
export const connection: LifecycleCase = {
  name: 'connection',
  lifecycle: CONNECTION_LIFECYCLE,
  create() {
    const handler: ConnectionHandler = {
      onMessage() {
        throw new Error('of the handler');
      },
      onClose: () => undefined,
    };
    const subject = new BareConnection(handler);
    return {
      state: () => subject.status,
      events: {
        close: () => void subject.close(),
        abort: () => subject.abort(),
        'medium ended': () => subject.end(),
        'handler threw': () => subject.receive(),
      },
    };
  },
};
