import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { onTestFinished } from 'vitest';
import type { CloseReason, Connection, Hello, OnConnection, Received } from '@agentwire/core';

/** A proxy that has every feature. */
export const proxyHello: Hello = {
  role: 'proxy',
  name: 'test-proxy',
  version: '1.2.3',
  features: ['streaming', 'cancellation', 'health', 'log', 'lifecycle'],
  encodings: ['msgpack', 'json'],
};

/** An agent that has every feature. */
export const agentHello: Hello = {
  role: 'agent',
  name: 'test-agent',
  version: '4.5.6',
  features: ['streaming', 'cancellation', 'health', 'log', 'lifecycle'],
  encodings: ['json', 'msgpack'],
  capabilities: {
    agentId: 'test-agent',
    events: ['requestHeaders', 'requestBodyChunk'],
    streaming: true,
    cancellation: true,
    flowControl: false,
    healthReporting: true,
    metricsExport: false,
    configPush: false,
    maxConcurrentRequests: 7,
  },
};

/** A folder that is removed when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(`${tmpdir()}/aw-`);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A handler that notes what happens, and promises for what will. */
export class Notes {
  readonly messages: Received[] = [];
  readonly reasons: CloseReason[] = [];
  readonly closed: Promise<CloseReason>;
  connection: Connection | undefined;
  drains = 0;
  #onClosed!: (reason: CloseReason) => void;
  #waiting: { readonly count: number; readonly done: () => void }[] = [];

  constructor() {
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
  }

  /** To be handed in as `onConnection`. */
  readonly onConnection: OnConnection = (connection) => {
    this.connection = connection;
    return {
      onMessage: (message) => {
        this.messages.push(message);
        for (const { count, done } of this.#waiting) if (this.messages.length >= count) done();
      },
      onDrain: () => {
        this.drains += 1;
      },
      onClose: (reason) => {
        this.reasons.push(reason);
        this.#onClosed(reason);
      },
    };
  };

  /** Resolves once `count` messages have come. */
  received(count: number): Promise<void> {
    if (this.messages.length >= count) return Promise.resolve();
    return new Promise((done) => this.#waiting.push({ count, done }));
  }
}
