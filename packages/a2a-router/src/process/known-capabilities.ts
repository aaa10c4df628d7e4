import { type AgentCapabilities, resolveCapabilities } from './capabilities.ts';

interface Known {
  readonly keys: readonly string[];
  readonly values: readonly unknown[];
  /** Kind of the scope, which may be changed in place. */
  readonly kind: string | undefined;
  readonly resolved: AgentCapabilities;
}

type Given = Partial<AgentCapabilities> & Readonly<Record<string, unknown>>;

const MAX_NODES = 1024;

/**
 * Capabilities that other nodes are given: those that equal the last ones of their node are not resolved again, which took a twentieth of a
 * request (row `1 in flight` of the bench over NATS).
 *
 * Every field is read and compared each time, because an object that was given before may say something else now.
 */
export class KnownCapabilities {
  readonly #ofNode = new Map<string, Known>();

  /** Resolves what a node is given. @throws AgentwireError `ERR_INVALID_ARGUMENT` as {@link resolveCapabilities} does */
  resolve(node: string, given: Partial<AgentCapabilities>): AgentCapabilities {
    const known = this.#ofNode.get(node);
    if (known !== undefined && isSame(known, given)) return known.resolved;
    const resolved = resolveCapabilities(given);
    this.#note(node, given, resolved);
    return resolved;
  }

  #note(node: string, given: Given, resolved: AgentCapabilities): void {
    const { kind } = resolved.ipcScope;
    // a list of pids or topics may be changed in place, and a class may have fields that are not its own.
    if (kind === 'restricted' || kind === 'topic' || Object.getPrototypeOf(given) !== Object.prototype) {
      this.#ofNode.delete(node);
      return;
    }
    if (this.#ofNode.size >= MAX_NODES) this.#ofNode.clear();
    const keys = Object.keys(given);
    this.#ofNode.set(node, { keys, values: keys.map((key) => given[key]), kind: given.ipcScope?.kind, resolved });
  }
}

function isSame({ keys, values, kind }: Known, given: Given): boolean {
  const own = Object.keys(given);
  if (own.length !== keys.length || Object.getPrototypeOf(given) !== Object.prototype) return false;
  for (let at = 0; at < own.length; at += 1) {
    const key = own[at] ?? '';
    if (key !== keys[at] || given[key] !== values[at]) return false;
  }
  return given.ipcScope?.kind === kind;
}
