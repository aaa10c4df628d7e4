import { EventEmitter } from 'node:events';
import type { Http2Session, Http2Stream } from 'node:http2';
import { Duplex } from 'node:stream';
import { AgentwireError } from '@agentwire/core';
import { createManualClock } from '@agentwire/core/testing';
import {
  MESSAGE_STREAM_LIFECYCLE,
  MessageStream,
  SESSION_DRAIN_LIFECYCLE,
  SessionDrain,
} from '@agentwire/transport-grpc/internal';
import type { LifecycleCase } from '../lifecycle-case.ts';

/** gRPC messages on one HTTP/2 stream of a listener. */
export const grpcMessageStream: LifecycleCase = {
  name: 'gRPC message stream',
  lifecycle: MESSAGE_STREAM_LIFECYCLE,
  create() {
    const stream = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
    const http2 = Object.assign(stream, { close: () => undefined });
    const subject = new MessageStream(
      http2 as unknown as Http2Stream,
      { side: 'server', where: 'the proxy', clock: createManualClock(), maxBytes: 1000 },
      { onFrame: () => undefined, onDrain: () => undefined, onEnd: () => undefined, onFault: () => undefined },
    );
    return {
      state: () => subject.state,
      events: {
        pause: () => subject.pause(),
        resume: () => subject.resume(),
        'peer ended': () => stream.emit('close'),
        fail: () => subject.fail(new AgentwireError('ERR_PROTOCOL', 'of the test')),
        destroy: () => subject.destroy(undefined),
      },
    };
  },
};

/** Drain of a gRPC connection by GOAWAY. */
export const grpcDrain: LifecycleCase = {
  name: 'gRPC drain',
  lifecycle: SESSION_DRAIN_LIFECYCLE,
  create() {
    const session = Object.assign(new EventEmitter(), { destroyed: false, goaway: () => undefined });
    let paused = false;
    const subject = new SessionDrain({
      session: session as unknown as Http2Session,
      isPaused: () => paused,
      onDrain: () => undefined,
    });
    const goaway = (whilePaused: boolean): void => {
      paused = whilePaused;
      session.emit('goaway', 0);
    };
    return {
      state: () => subject.state,
      events: {
        'handshake left': () => subject.handshakeLeft(),
        drain: () => subject.drain(),
        'GOAWAY received': () => goaway(false),
        'GOAWAY received while paused': () => goaway(true),
        resume: () => subject.resume(),
      },
    };
  },
};
