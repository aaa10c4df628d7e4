import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, Program } from '../run/processes.ts';
import { OTHERS } from './others/index.ts';
import { type OtherProxy, Place } from './others/other-proxy.ts';
import type { HttpRow } from './rows.ts';
import { program, WORKLOADS } from './workloads.ts';

/** A row's proxy, its agents, and the address that clients are given. */
export interface RunningRow extends AsyncDisposable {
  readonly proxy: Program;
  readonly agents: readonly Program[];
  readonly address: string;
}

type Started = Omit<RunningRow, typeof Symbol.asyncDispose>;

/**
 * Proxies of the rows, each with its agents, started when first asked for and kept until the end: a proxy that runs for days is
 * what people have, and not one whose code was compiled a moment ago. Rows of one workload share an upstream.
 */
export class RunningRows implements AsyncDisposable {
  readonly #profiles: string | undefined;
  readonly #rows = new Map<string, Promise<RunningRow>>();
  readonly #upstreams = new Map<string, Promise<string>>();
  readonly #stack = new AsyncDisposableStack();

  /** @param profiles folder for CPU profiles of the proxies */
  constructor(profiles: string | undefined) {
    this.#profiles = profiles;
  }

  /** Tests whether a row's programs run already. */
  has({ id }: HttpRow): boolean {
    return this.#rows.has(id);
  }

  /** Returns what runs for a row. Rejects where one of its programs does not start. */
  get(row: HttpRow): Promise<RunningRow> {
    let running = this.#rows.get(row.id);
    if (running === undefined) this.#rows.set(row.id, (running = this.#start(row)));
    return running;
  }

  /** Ends the programs of a row, so that the next {@link get} starts them anew. */
  async end({ id }: HttpRow): Promise<void> {
    const running = this.#rows.get(id);
    this.#rows.delete(id);
    await running?.then(
      (one) => one[Symbol.asyncDispose](),
      () => undefined,
    );
  }

  #upstream(name: string): Promise<string> {
    let address = this.#upstreams.get(name);
    if (address === undefined)
      this.#upstreams.set(name, (address = start(this.#stack, [program(name)]).then((started) => started.address)));
    return address;
  }

  async #start(row: HttpRow): Promise<RunningRow> {
    await using stack = new AsyncDisposableStack();
    const upstream = await this.#upstream(WORKLOADS[row.workload].upstream);
    const other = OTHERS[row.id];
    const started =
      other === undefined
        ? await startNode(stack, row, upstream, this.#profileFlags(row))
        : await startOther(stack, other, upstream);
    const kept = stack.move();
    return { ...started, [Symbol.asyncDispose]: () => kept.disposeAsync() };
  }

  #profileFlags({ id }: HttpRow): string[] {
    if (this.#profiles === undefined) return [];
    return ['--cpu-prof', `--cpu-prof-dir=${this.#profiles}`, `--cpu-prof-name=http-${id}.cpuprofile`];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const rows = await Promise.allSettled(this.#rows.values());
    const started = rows.flatMap((row) => (row.status === 'fulfilled' ? [row.value] : []));
    await Promise.all(started.map((row) => row[Symbol.asyncDispose]()));
    await this.#stack.disposeAsync();
  }
}

async function start(
  stack: AsyncDisposableStack,
  command: readonly string[],
): Promise<{ one: Program; address: string }> {
  const one = stack.use(new Program([process.execPath, ...command], undefined));
  return { one, address: (JSON.parse(await one.line()) as { readonly address: string }).address };
}

async function startNode(
  stack: AsyncDisposableStack,
  row: HttpRow,
  upstream: string,
  flags: readonly string[],
): Promise<Started> {
  const agents: { one: Program; address: string }[] = [];
  for (const [index, agent] of row.agents.entries()) {
    const path = join(tmpdir(), `agentwire-bench-${process.pid}-${row.id}-${index}.sock`);
    stack.defer(() => rm(path, { force: true }));
    agents.push(await start(stack, [program('serve'), agent, `unix:${path}`]));
  }
  const addresses = agents.map(({ address }) => address);
  const proxy = await start(stack, [...flags, program('proxy'), row.id, upstream, ...addresses]);
  return { proxy: proxy.one, agents: agents.map(({ one }) => one), address: proxy.address };
}

async function startOther(stack: AsyncDisposableStack, other: OtherProxy, upstream: string): Promise<Started> {
  const folder = await mkdtemp(join(tmpdir(), 'agentwire-bench-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const port = await freePort();
  const started = await other.start(new Place(stack, folder, port, Number(new URL(upstream).port)));
  return { ...started, address: `http://127.0.0.1:${port}` };
}
