import { type Close, closeFor, FrameFault } from './frame-fault.ts';
import { FrameFlow, type Message } from './frame-flow.ts';
import type { SocketPair } from './socket-pair.ts';

/** Collaborators of {@link JudgedFrames}. */
export interface JudgedFramesDeps {
  readonly pair: SocketPair;
  readonly maxMessageBytes: number;
  /** Decides on a message. @returns whether it passes */
  readonly judge: (message: Message, fromClient: boolean) => Promise<boolean>;
}

/** Passes the messages of a WebSocket that are allowed, both ways, and closes it where one is refused. */
export class JudgedFrames {
  readonly #pair: SocketPair;
  readonly #toUpstream: FrameFlow;
  readonly #toClient: FrameFlow;
  #stopped = false;
  /** Refusal or error that closed it. */
  error: unknown;

  constructor({ pair, maxMessageBytes, judge }: JudgedFramesDeps) {
    const { client, upstream } = pair;
    const onFail = (error: unknown): void => {
      if (this.#stopped) return;
      const isFirst = this.error === undefined;
      this.error ??= error;
      if (isFirst && error instanceof FrameFault && error.side === 'client') this.#closeAfterAnswers(error);
      else this.#stop(closeFor(error, 'client'), closeFor(error, 'upstream'));
    };
    const deps = { maxMessageBytes, onFail, onClose: () => pair.ends() };
    this.#pair = pair;
    this.#toUpstream = new FrameFlow({
      ...deps,
      source: client,
      target: upstream,
      fromClient: true,
      judge: (message) => judge(message, true),
    });
    this.#toClient = new FrameFlow({
      ...deps,
      source: upstream,
      target: client,
      fromClient: false,
      judge: (message) => judge(message, false),
    });
    pair.passed = (from) => (from === client ? this.#toUpstream : this.#toClient).passed();
  }

  /** Passes what the upstream has to answer to the client's messages before a bad frame, and closes then. */
  #closeAfterAnswers(fault: FrameFault): void {
    const [forClient, forUpstream] = [closeFor(fault, 'client'), closeFor(fault, 'upstream')];
    this.#pair.ends();
    this.#toClient.endWith(forClient);
    this.#pair.onLate = () => this.#toClient.stop(forClient);
    this.#toUpstream.stop(forUpstream);
  }

  /** @param early bytes of the client that came before */
  start(early: Uint8Array): void {
    this.#toUpstream.start(early);
    this.#toClient.start(new Uint8Array(0));
  }

  /** Closes both sides with 1001, because the gateway ends. */
  goAway(): void {
    const close = { code: 1001, reason: '' };
    if (!this.#stopped) this.#stop(close, close);
  }

  #stop(forClient: Close, forUpstream: Close): void {
    this.#stopped = true;
    this.#pair.ends();
    this.#toClient.stop(forClient);
    this.#toUpstream.stop(forUpstream);
  }
}
