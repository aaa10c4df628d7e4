import { type Cell, isCrate } from './cell.ts';

/** Something that the released crate cannot do, or that ours does for its sake, which explains what was seen where it takes part. */
export interface Reason {
  readonly letter: string;
  readonly why: string;
  readonly scenarios: RegExp;
  /** Pattern of the complaint about the step, so that no other fault hides behind the reason. */
  readonly saw: RegExp;
  readonly where: (cell: Cell) => boolean;
  /** Scenario in which the crate fails against itself; default the same one. */
  readonly proof?: string;
  /** Set where ours does it on purpose towards this peer, as docs/zentinel.md says: the crate has nothing to prove. */
  readonly decided?: true;
}

const crateClient = ({ proxy, medium }: Cell): boolean => proxy === 'crate' && medium === 'grpc';
const crateAgent = ({ agent }: Cell): boolean => agent === 'crate';
const oursToCrate = ({ proxy, agent }: Cell): boolean => isCrate(proxy) && agent === 'ours';
const overGrpc = (cell: Cell): boolean => cell.medium === 'grpc' && (isCrate(cell.proxy) || crateAgent(cell));

/** In the order in which they are tried. */
export const REASONS: readonly Reason[] = [
  {
    letter: 'a',
    why: "the crate's pool has calls for headers, body chunks, guardrails and one cancel only",
    scenarios: /^(binary-|request-complete|websocket-|configure-|cancel-all|ping)/,
    saw: /no such call in AgentPool|expected an error, saw \{"verdict":"allow"/,
    where: ({ proxy }) => proxy === 'crate-pool' || proxy === 'crate-reverse',
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
    why: "a handler that panics ends the crate's connection without a message",
    scenarios: /^throw$/,
    saw: /Timeout after|ERR_CLOSED|ERR_CONNECT|channel closed|"connected":false/,
    where: crateAgent,
  },
  {
    letter: 'e',
    why: "Configure over gRPC: the crate's client waits for no answer, its server gives none, so ours refuses to send one",
    scenarios: /^configure-/,
    saw: /saw null|ERR_TIMEOUT|ERR_UNSUPPORTED|"status":500\}\}\}, saw \{"verdict":"allow"\}$/,
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
  {
    letter: 'k',
    why: 'the released proxy lets challenged requests pass, so ours sends it a block instead (challengeFallback)',
    scenarios: /^challenge$/,
    saw: /saw \{"verdict":\{"block":\{"status":403\}\},"reasons":\["agentwire:challenge_fallback"\]\}$/,
    where: oursToCrate,
    decided: true,
  },
  {
    letter: 'l',
    why: 'the released proxy cuts a replaced body at its old length and ignores an empty one, so ours removes the length and sends a space',
    scenarios: /^(binary-)?transform$/,
    saw: /saw \{"verdict":"allow","more":true,("responseHeaders":\["remove content-length"\]|"body":" ")\}$/,
    where: (cell) => oursToCrate(cell) && cell.medium !== 'grpc',
    decided: true,
  },
  {
    letter: 'm',
    why: "a body mutation that the crate's .proto has no field for is a failure, not a bare allow",
    scenarios: /^(binary-)?transform$/,
    saw: /saw \{"verdict":\{"block":\{"status":500\}\},"reasons":\["agentwire:ERR_UNSUPPORTED"\]\}$/,
    where: (cell) => oursToCrate(cell) && cell.medium === 'grpc',
    decided: true,
  },
  {
    letter: 'n',
    why: "the crate's reverse connections carry no GuardrailInspect",
    scenarios: /^guardrail-/,
    saw: /not yet supported via reverse connections/,
    where: ({ proxy }) => proxy === 'crate-reverse',
  },
  {
    letter: 'o',
    why: "the crate's pool still chooses a registered connection that its agent has just ended",
    scenarios: /^many-at-once$/,
    saw: /Connection closed/,
    where: (cell) => cell.proxy === 'crate-reverse' && crateAgent(cell),
  },
];
