import type { AnnouncedService, NodePresence } from '@agentwire/a2a-nats';
import { printable, printableList, printableStart } from '@agentwire/core/internal';
import type { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { jsonLine, line, tint } from '../output/terminal.ts';
import { addCredentialFlags, placeOf } from './a2a-credentials.ts';
import { addNodeFlags, asNode, milliseconds, type NodeFlags, othersThere } from './a2a-node.ts';

interface LookFlags extends NodeFlags {
  readonly waitMs: number;
}

interface FoundService extends AnnouncedService {
  readonly nodes: readonly string[];
  /** Set when nodes announce it differently. */
  readonly conflict: boolean;
}

const NODES = 'agentwire a2a nodes nats://127.0.0.1:4222';
const SERVICES = 'agentwire a2a services nats://127.0.0.1:4222';

async function listNodes(
  url: string,
  flags: LookFlags,
  { terminal: { stdout, stderr } }: CommandContext,
): Promise<void> {
  const found = await asNode(url, flags, NODES, (_agent, backend) => othersThere(backend, flags.waitMs));
  if (flags.json === true) {
    jsonLine(stdout, { nodes: found });
    return;
  }
  if (found.length === 0) line(stderr, nothing('node', url, flags));
  for (const { nodeId, version, services, moreServices, conflict } of found) {
    const names = [...services.map(({ name }) => name), ...(moreServices > 0 ? [`and ${moreServices} more`] : [])];
    const twice = conflict ? ` ${tint('bad', 'two processes have this name', stdout)}` : '';
    const about = printable(`${version} ${names.join(', ')}`);
    line(stdout, `${tint('name', printableStart(nodeId), stdout)} ${about}${twice}`.trimEnd());
  }
}

async function listServices(
  url: string,
  flags: LookFlags,
  { terminal: { stdout, stderr } }: CommandContext,
): Promise<void> {
  const found = group(await asNode(url, flags, SERVICES, (_agent, backend) => othersThere(backend, flags.waitMs)));
  if (flags.json === true) {
    jsonLine(stdout, { services: found });
    return;
  }
  if (found.length === 0) line(stderr, nothing('service', url, flags));
  for (const { name, version, methods, nodes: on, description = '', conflict } of found) {
    const known = methods === undefined ? '' : ` (${printableList(methods)})`;
    const differs = conflict ? ` ${tint('bad', 'its nodes differ about it', stdout)}` : '';
    line(
      stdout,
      `${tint('name', printableStart(name), stdout)}${known} ${printable(`${version} on ${on.join(', ')} ${description}`)}${differs}`.trimEnd(),
    );
  }
}

function nothing(what: string, url: string, { prefix, waitMs }: LookFlags): string {
  return `no ${what} announced itself under ${prefix}.> on ${placeOf(url)} within ${waitMs} ms`;
}

function group(found: readonly NodePresence[]): FoundService[] {
  const byName = new Map<string, FoundService>();
  for (const { nodeId, services: own } of found) {
    for (const service of own) {
      const known = byName.get(service.name);
      const conflict =
        known !== undefined &&
        (known.conflict || known.version !== service.version || !same(known.methods, service.methods));
      byName.set(service.name, { ...(known ?? service), nodes: [...(known?.nodes ?? []), nodeId], conflict });
    }
  }
  return [...byName.values()];
}

function same(one: readonly string[] | undefined, other: readonly string[] | undefined): boolean {
  return JSON.stringify(one?.toSorted()) === JSON.stringify(other?.toSorted());
}

/** Adds `a2a nodes` and `a2a services`. */
export function addLookCommands(a2a: Command, context: CommandContext): void {
  const look = (name: string, description: string, example: string): Command =>
    addCredentialFlags(
      addNodeFlags(
        a2a
          .command(name)
          .description(description)
          .argument('<url>', 'a NATS server, for example nats://127.0.0.1:4222')
          .option('--wait-ms <n>', 'how long nodes have to announce themselves', milliseconds, 500),
      ),
    ).showHelpAfterError(`for example: ${example}`);
  look('nodes', 'list the nodes that are there', NODES).action((url: string, flags: LookFlags) =>
    listNodes(url, flags, context),
  );
  look('services', 'list the services of all nodes', SERVICES).action((url: string, flags: LookFlags) =>
    listServices(url, flags, context),
  );
}
