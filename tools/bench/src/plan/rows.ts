import type { Goal, Load, Row } from './row.ts';

type Goals = Readonly<Record<number, readonly Goal[]>>;

const rate = (atLeast: number): Goal => ({ of: 'rate', atLeast });
const over = (to: string, atLeast: number): Goal => ({ of: 'rateRatio', to, atLeast });
const quick = (p50: number, p99: number): Goal[] => [
  { of: 'p50', atMost: p50 },
  { of: 'p99', atMost: p99 },
];

const loads = (goals: Goals, all: readonly number[] = [1, 64, 256]): Load[] =>
  all.map((inFlight) => ({ inFlight, goals: goals[inFlight] ?? [] }));

function node(id: string, title: string, place: Row['place'], goals: Goals = {}, all?: readonly number[]): Row {
  const end = { by: 'node', stack: id } as const;
  return { id, title, group: 'agentwire', place, server: end, client: end, loads: loads(goals, all) };
}

const yardstick = (id: string, title: string, place: Row['place']): Row => ({
  ...node(id, title, place),
  group: 'yardstick',
});

/** Row about bodies of 1 MiB in chunks of 64 KiB. */
function chunks(id: string, title: string, place: Row['place'], goals: readonly Goal[]): Row {
  return { ...node(id, title, place, { 4: goals }, [4]), bytesPerQuestion: 1024 * 1024 };
}

const GIGABYTES: Goal = { of: 'gigabytes', atLeast: 1.5 };

const AGENTWIRE: readonly Row[] = [
  node('uds-msgpack', 'session, UDS msgpack', 'uds', {
    1: quick(0.075, 0.15),
    64: [rate(200_000), over('crate-uds-msgpack', 1.6)],
    256: [rate(230_000), over('crate-uds-msgpack', 1.8)],
  }),
  node('uds-json', 'session, UDS json', 'uds', {
    1: quick(0.08, 0.16),
    64: [rate(150_000), over('crate-uds-json', 1.7)],
    256: [rate(150_000), over('crate-uds-json', 1.7)],
  }),
  node('zentinel-msgpack', 'session, UDS msgpack, zentinel dialect', 'uds'),
  node('zentinel-json', 'session, UDS json, zentinel dialect', 'uds'),
  node('grpc', 'session, gRPC (h2c, TCP)', 'tcp', {
    1: quick(0.09, 0.18),
    64: [rate(180_000), over('grpc-js', 5), over('connect-node', 5), over('crate-grpc', 2)],
    256: [rate(200_000), over('crate-grpc', 1.7)],
  }),
  node('websocket-msgpack', 'session, WebSocket msgpack', 'tcp'),
  node('memory', 'session, in process', 'memory'),
  node('uds-msgpack-varied', 'UDS msgpack, a new tag in every answer', 'uds', {}, [64, 256]),
  node('uds-json-varied', 'UDS json, a new tag in every answer', 'uds', {}, [64, 256]),
  node('zentinel-msgpack-varied', 'zentinel msgpack, a new tag in every answer', 'uds', {}, [64, 256]),
  node('zentinel-json-varied', 'zentinel json, a new tag in every answer', 'uds', {}, [64, 256]),
  node('grpc-varied', 'gRPC, a new tag in every answer', 'tcp', {}, [64, 256]),
  node('memory-varied', 'in process, a new tag in every answer', 'memory', {}, [64]),
  node('pool-uds-msgpack', 'pool on UDS msgpack', 'uds', {
    64: [{ of: 'cpuRatio', to: 'uds-msgpack', atMost: 1.15 }],
    256: [{ of: 'cpuRatio', to: 'uds-msgpack', atMost: 1.15 }],
  }),
  node(
    'reverse-uds-msgpack',
    'the agent dials, UDS msgpack',
    'uds',
    {
      64: [{ of: 'cpuRatio', to: 'uds-msgpack', atMost: 1.05 }],
      256: [{ of: 'cpuRatio', to: 'uds-msgpack', atMost: 1.05 }],
    },
    [64, 256],
  ),
  node(
    'reverse-tcp-msgpack',
    'the agent dials, TCP msgpack',
    'tcp',
    {
      64: [{ of: 'cpuRatio', to: 'uds-msgpack', atMost: 1.15 }],
      256: [{ of: 'cpuRatio', to: 'uds-msgpack', atMost: 1.15 }],
    },
    [64, 256],
  ),
  node(
    'uds-msgpack-4',
    'UDS msgpack, 4 connections',
    'uds',
    {
      10_000: [
        { of: 'rateRatio', to: 'uds-msgpack', inFlight: 256, atLeast: 0.8 },
        { of: 'rss', atMost: 400e6 },
      ],
    },
    [10_000],
  ),
  node(
    'pool-uds-msgpack-4',
    'pool on UDS msgpack, 4 connections',
    'uds',
    {
      10_000: [
        { of: 'rateRatio', to: 'pool-uds-msgpack', inFlight: 256, atLeast: 0.8 },
        { of: 'rss', atMost: 400e6 },
      ],
    },
    [10_000],
  ),
  chunks('uds-msgpack-chunks', 'UDS msgpack, 64 KiB body chunks', 'uds', [GIGABYTES]),
  chunks('uds-msgpack-chunks-freed', 'the same, the agent keeps no chunk', 'uds', [
    GIGABYTES,
    { of: 'cpuRatio', to: 'bare-chunks', atMost: 1.15 },
  ]),
  chunks('grpc-chunks', 'gRPC, 64 KiB body chunks', 'tcp', [{ of: 'gigabytes', atLeast: 1 }]),
];

const YARDSTICKS: readonly Row[] = [
  yardstick('json-frames', 'JSON.stringify/parse in frames, no protocol', 'uds'),
  yardstick('hand-msgpack', 'MessagePack by hand for this workload, no protocol', 'uds'),
  yardstick('grpc-js', 'grpc-js with protobufjs, one stream', 'tcp'),
  yardstick('connect-node', 'connect-node with protobuf-es, one stream', 'tcp'),
  yardstick('undici-http', 'undici to node:http over UDS', 'uds'),
  { ...chunks('bare-chunks', '64 KiB chunks in frames by hand, freed, no protocol', 'uds', []), group: 'yardstick' },
];

const CRATE: readonly Row[] = (
  [
    ['json', 'uds', 'uds-json'],
    ['msgpack', 'uds', 'uds-msgpack'],
    ['msgpack', 'grpc', 'grpc'],
  ] as const
).flatMap(([variant, medium, name]): Row[] => {
  const crate = { by: 'crate', variant, medium } as const;
  // the crate speaks its own dialect, and our sessions speak it with the crate
  const ours = { by: 'node', stack: medium === 'grpc' ? 'grpc' : `zentinel-${variant}` } as const;
  const place = medium === 'grpc' ? 'tcp' : 'uds';
  const what = medium === 'grpc' ? 'gRPC' : `UDS ${variant}`;
  return [
    {
      id: `crate-${name}`,
      title: `Rust crate, ${what}`,
      group: 'crate',
      place,
      server: crate,
      client: crate,
      loads: loads({}),
    },
    {
      id: `ours-to-crate-${name}`,
      title: `agentwire asks the crate, ${what}`,
      group: 'mixed',
      place,
      server: crate,
      client: ours,
      loads: loads({}, [64]),
    },
    {
      id: `crate-to-ours-${name}`,
      title: `the crate asks agentwire, ${what}`,
      group: 'mixed',
      place,
      server: ours,
      client: crate,
      loads: loads({}, [64]),
    },
  ];
});

/** Every row about messages, in the order they are printed. */
export const ROWS: readonly Row[] = [...AGENTWIRE, ...YARDSTICKS, ...CRATE];
