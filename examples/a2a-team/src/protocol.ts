/** Message of the starting process to the process of one agent. */
export type ToAgent = { readonly kind: 'go' } | { readonly kind: 'stop' };

/** Message of an agent's process to the one that started it. */
export type FromAgent =
  | { readonly kind: 'ready' }
  | { readonly kind: 'say'; readonly line: string }
  | { readonly kind: 'solved'; readonly total: number }
  | { readonly kind: 'stopped'; readonly path: string; readonly head: string };

/** Settings with which the process of one agent is started. */
export interface AgentSettings {
  readonly role: 'planner' | 'worker' | 'auditor';
  readonly name: string;
  readonly servers: string;
  readonly path: string;
  /** File with the password of its user on the server. */
  readonly passwordFile: string;
  /** File with the key of its audit chain, in hex. */
  readonly keyFile: string;
}
