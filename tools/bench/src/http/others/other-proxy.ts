import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Program } from '../../run/processes.ts';
import { program } from '../workloads.ts';

/** Processes of a proxy that has started, and those that it asks. */
interface Started {
  readonly proxy: Program;
  readonly agents: readonly Program[];
}

/** Proxy that others wrote, with an agent in a process of its own that passes requests with `x-agent: allow`. */
export interface OtherProxy {
  /** Tells what has to be installed or built; `undefined` where everything is there. */
  missing(): string | undefined;
  /** Starts the agent, then the proxy. */
  start(place: Place): Promise<Started>;
}

/** Addresses and files of one proxy, and the processes that end with it. */
export class Place {
  readonly #processes: AsyncDisposableStack;
  /** Temporary folder, to which the proxy writes nothing that outlives it. */
  readonly folder: string;
  /** Port of 127.0.0.1 that the proxy takes. */
  readonly port: number;
  /** Port of 127.0.0.1 that the upstream listens on. */
  readonly upstreamPort: number;

  constructor(processes: AsyncDisposableStack, folder: string, port: number, upstreamPort: number) {
    this.#processes = processes;
    this.folder = folder;
    this.port = port;
    this.upstreamPort = upstreamPort;
  }

  /** Unix socket of the agent. */
  get agentPath(): string {
    return join(this.folder, 'agent.sock');
  }

  /** Writes a file into the folder. @returns its path */
  write(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }

  /** Starts an agent that prints a line when it listens. */
  async agent(command: readonly string[]): Promise<Program> {
    const agent = this.#processes.use(new Program(command, undefined));
    await agent.line();
    return agent;
  }

  /** Starts an agent that is one of the programs here, with the path of its socket. */
  async nodeAgent(name: string): Promise<Program> {
    return this.agent([process.execPath, program(name), this.agentPath]);
  }

  /** Starts the proxy, and waits until it takes connections. @throws Error when it ends, or takes none within 15 s */
  async proxy(command: readonly string[]): Promise<Program> {
    const proxy = this.#processes.use(new Program(command, undefined));
    for (let attempt = 0; attempt < 300; attempt++) {
      if (await this.#listens()) return proxy;
      if (proxy.child.exitCode !== null) await proxy.line();
      await wait(50);
    }
    throw new Error(`${command[0]} does not listen after 15 s`);
  }

  async #listens(): Promise<boolean> {
    const socket = connect(this.port, '127.0.0.1');
    const open = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    return open;
  }
}
