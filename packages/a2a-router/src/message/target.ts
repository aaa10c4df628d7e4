import type { Pid } from '../process/pid.ts';

/** Address of a message; built with the functions of {@link target}. */
export type Target =
  | { readonly kind: 'process'; readonly pid: Pid }
  | { readonly kind: 'topic'; readonly name: string }
  | { readonly kind: 'broadcast' }
  | { readonly kind: 'service'; readonly service: string }
  | { readonly kind: 'serviceMethod'; readonly service: string; readonly method: string }
  | { readonly kind: 'kernel' }
  | { readonly kind: 'remoteNode'; readonly nodeId: string; readonly target: Target };

const broadcast: Target = Object.freeze({ kind: 'broadcast' });
const kernel: Target = Object.freeze({ kind: 'kernel' });

/** Makes targets: `target.process(7)`, `target.topic('build.done')`, `target.broadcast`. */
export const target: {
  /** One process by its pid. */
  readonly process: (pid: Pid) => Target;
  /** Every subscriber of a topic; the name has no wildcards. */
  readonly topic: (name: string) => Target;
  /** Every inbox but the sender's. */
  readonly broadcast: Target;
  /** One of the live owners of a service. */
  readonly service: (service: string) => Target;
  /** One of the live owners of a service, for a method that its contract knows. */
  readonly serviceMethod: (service: string, method: string) => Target;
  /** The handler that the router was given for kernel messages. */
  readonly kernel: Target;
  /** A target on another node, reached through the router's backend. */
  readonly remoteNode: (nodeId: string, inner: Target) => Target;
} = {
  process: (pid) => ({ kind: 'process', pid }),
  topic: (name) => ({ kind: 'topic', name }),
  broadcast,
  service: (service) => ({ kind: 'service', service }),
  serviceMethod: (service, method) => ({ kind: 'serviceMethod', service, method }),
  kernel,
  remoteNode: (nodeId, inner) => ({ kind: 'remoteNode', nodeId, target: inner }),
};

/** Writes a target as audit events show it: `Process(7)`, `Topic("build.done")`. */
export function describeTarget(to: Target): string {
  switch (to.kind) {
    case 'process':
      return `Process(${to.pid})`;
    case 'topic':
      return `Topic(${JSON.stringify(to.name)})`;
    case 'broadcast':
      return 'Broadcast';
    case 'service':
      return `Service(${JSON.stringify(to.service)})`;
    case 'serviceMethod':
      return `ServiceMethod(${JSON.stringify(to.service)}, ${JSON.stringify(to.method)})`;
    case 'kernel':
      return 'Kernel';
    default:
      return `RemoteNode(${JSON.stringify(to.nodeId)}, ${describeTarget(to.target)})`;
  }
}
