import { type Cell, isCrate } from './cell.ts';

/** Something that the released crate cannot do, which explains what was seen where it takes part. */
export interface Reason {
  readonly letter: string;
  readonly why: string;
  readonly scenarios: RegExp;
  /** What the complaint about the step must match, so that nothing else hides behind the reason. */
  readonly saw: RegExp;
  readonly where: (cell: Cell) => boolean;
  /** Scenario in which the crate fails against itself; default the same one. */
  readonly proof?: string;
}

const crateClient = ({ proxy, medium }: Cell): boolean => proxy === 'crate' && medium === 'grpc';
const crateAgent = ({ agent }: Cell): boolean => agent === 'crate';
const overGrpc = (cell: Cell): boolean => cell.medium === 'grpc' && (isCrate(cell.proxy) || crateAgent(cell));

/** In the order in which they are tried. */
export const REASONS: readonly Reason[] = [
  {
    letter: 'a',
    why: "the crate's pool has calls for headers, body chunks, guardrails and one cancel only",
    scenarios: /^(binary-|request-complete|websocket-|configure-|cancel-all|ping)/,
    saw: /no such call in AgentPool|expected an error, saw \{"verdict":"allow"/,
    where: ({ proxy }) => proxy === 'crate-pool',
  },
  {
    letter: 'b',
    why: "the crate's gRPC client has no call for raw chunks, RequestComplete, WebSocketFrame and GuardrailInspect",
    scenarios: /^(binary-|request-complete|websocket-|guardrail-)/,
    saw: /no such call|not yet supported/,
    where: (cell) => crateClient(cell) || (cell.proxy === 'crate-pool' && cell.medium === 'grpc'),
  },
  {
    letter: 'c',
    why: "the crate's agent servers have no handler for GuardrailInspect: no answer ever comes",
    scenarios: /^guardrail-/,
    saw: /Timeout after|ERR_UNSUPPORTED/,
    where: crateAgent,
  },
  {
    letter: 'd',
    why: "a handler that panics takes the crate's connection with it, and nobody is told",
    scenarios: /^throw$/,
    saw: /Timeout after|ERR_CLOSED|ERR_CONNECT|channel closed|"connected":false/,
    where: crateAgent,
  },
  {
    letter: 'e',
    why: "Configure over gRPC: the crate's client waits for no answer, its server gives none, so ours takes it for accepted",
    scenarios: /^configure-/,
    saw: /saw null|ERR_TIMEOUT|"status":500\}\}\}, saw \{"verdict":"allow"\}$/,
    where: overGrpc,
  },
  {
    letter: 'f',
    why: "the crate's .proto has no field for body mutations",
    scenarios: /^(binary-)?transform$/,
    saw: /"body":"(drop|CHANGE THIS)"\}, saw \{"verdict":"allow"(,"more":true)?\}$/,
    where: overGrpc,
    proof: 'transform',
  },
  {
    letter: 'g',
    why: "the crate's .proto has no field for WebSocket decisions",
    scenarios: /^websocket-(close|drop)$/,
    saw: /saw \{"verdict":"allow"\}$/,
    where: (cell) => crateAgent(cell) && cell.medium === 'grpc',
  },
  {
    letter: 'h',
    why: 'the crate leaves custom values from gRPC as the JSON text they travel as',
    scenarios: /^mutate$/,
    saw: /"custom":\{"k":"\\"v\\""\}/,
    where: (cell) => isCrate(cell.proxy) && cell.medium === 'grpc',
  },
  {
    letter: 'i',
    why: "the crate's gRPC server takes 4 MiB a message, and a longer one ends the stream",
    scenarios: /^huge-body$/,
    saw: /Timeout after/,
    where: (cell) => isCrate(cell.proxy) && crateAgent(cell) && cell.medium === 'grpc',
  },
  {
    letter: 'j',
    why: "the crate's server reads MessagePack `bin` as text, and allows what it cannot read",
    scenarios: /^binary-not-utf8$/,
    saw: /saw \{"verdict":"allow"\}$/,
    where: (cell) => cell.proxy === 'crate' && crateAgent(cell) && cell.medium === 'uds-msgpack',
  },
];
