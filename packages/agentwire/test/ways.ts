/** Address that an agent listens at, and what its connections are to speak. */
export interface Way {
  readonly listen: string;
  readonly encodings?: readonly string[];
  readonly dialect?: 'zentinel' | 'documented';
}

/** Every stock transport, with both dialects and encodings of Unix sockets. @param name name in memory, unique in the process */
export const waysOf = (name: string): readonly [string, Way][] => [
  ['memory', { listen: `memory:${name}` }],
  ['uds, documented dialect, msgpack', { listen: 'unix:', encodings: ['msgpack'], dialect: 'documented' }],
  ['uds, documented dialect, json', { listen: 'unix:', encodings: ['json'], dialect: 'documented' }],
  ['uds, zentinel dialect, msgpack', { listen: 'unix:', encodings: ['msgpack'], dialect: 'zentinel' }],
  ['uds, zentinel dialect, json', { listen: 'unix:', encodings: ['json'], dialect: 'zentinel' }],
  ['tcp', { listen: 'tcp://127.0.0.1:0' }],
  ['WebSocket', { listen: 'ws://127.0.0.1:0' }],
  ['gRPC', { listen: 'grpc://127.0.0.1:0' }],
];
