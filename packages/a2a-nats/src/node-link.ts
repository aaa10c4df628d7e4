import { AgentwireError } from '@agentwire/core';
import type { RemoteHost } from '@agentwire/a2a-router';
import type { NatsConnection } from '@nats-io/transport-node';
import type { ResolvedNatsBackendOptions } from './backend-options.ts';
import { OpenReplies } from './open-replies.ts';
import { Subjects } from './subjects.ts';
import { TopicLosses } from './topic-losses.ts';

/** What the sending and the receiving half of one node share. */
export class NodeLink {
  readonly options: ResolvedNatsBackendOptions;
  readonly connection: NatsConnection;
  readonly subjects: Subjects;
  /** Requests of other nodes that may still be answered. */
  readonly replies: OpenReplies;
  /** Numbers of messages on topics. */
  readonly losses: TopicLosses = new TopicLosses();
  /** Requests of this node, each with the node that alone may answer it; undefined for topics and services. */
  readonly asked: Map<string, string | undefined> = new Map();
  /** Counters. */
  readonly stats = { sent: 0, received: 0, malformed: 0, refused: 0, violations: 0, disconnects: 0 };
  /** Whether there is a connection now. */
  connected = true;
  #host: RemoteHost | undefined;

  constructor(options: ResolvedNatsBackendOptions, connection: NatsConnection) {
    this.options = options;
    this.connection = connection;
    this.subjects = new Subjects(options.prefix, options.nodeId);
    this.replies = new OpenReplies(options.maxOpenReplies);
  }

  /** The router that this node belongs to; throws `ERR_INVALID_STATE` before there is one. */
  get host(): RemoteHost {
    if (this.#host === undefined) {
      throw new AgentwireError('ERR_INVALID_STATE', 'this backend belongs to no router yet');
    }
    return this.#host;
  }

  set host(host: RemoteHost) {
    if (this.#host !== undefined) {
      throw new AgentwireError('ERR_INVALID_STATE', 'this backend belongs to a router already');
    }
    this.#host = host;
  }

  /** The largest message that the server takes, in bytes. */
  get maxMessageBytes(): number {
    return this.connection.info?.max_payload ?? 1024 * 1024;
  }

  /** Follows the connection as it goes and comes, until it is closed. */
  async watch(): Promise<void> {
    const { nodeId: node, logger } = this.options;
    for await (const status of this.connection.status()) {
      if (status.type === 'disconnect') {
        this.connected = false;
        this.stats.disconnects += 1;
        logger.warn({ node }, 'the connection to the NATS server was lost');
        for (const id of this.asked.keys())
          this.host.fail(id, 'ERR_CLOSED', 'the connection to the NATS server was lost');
      } else if (status.type === 'reconnect') {
        this.connected = true;
        logger.info({ node, server: status.server }, 'connected to a NATS server again');
      } else if (status.type === 'error') {
        this.stats.violations += 1;
        logger.error({ node, error: status.error.message }, 'the NATS server refused something');
      } else if (status.type === 'close') this.connected = false;
    }
  }
}
