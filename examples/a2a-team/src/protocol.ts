/** What the starting process tells an agent's process. */
export type ToAgent = { readonly kind: 'go' } | { readonly kind: 'stop' };

/** What an agent's process tells the one that started it. */
export type FromAgent =
  | { readonly kind: 'ready' }
  | { readonly kind: 'say'; readonly line: string }
  | { readonly kind: 'solved'; readonly total: number }
  | { readonly kind: 'stopped'; readonly path: string; readonly head: string };

/** How an agent's process is started. */
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
