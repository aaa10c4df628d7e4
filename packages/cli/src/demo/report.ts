import { Latencies } from '../bench/latencies.ts';
import { drawTable } from '../output/table.ts';
import { type Terminal, tint } from '../output/terminal.ts';
import { DEMO_KINDS } from './kinds.ts';
import type { DemoResult } from './load.ts';

/** Results of one kind of request. */
export interface KindReport {
  readonly kind: string;
  readonly requests: number;
  readonly asExpected: number;
  readonly decision: string;
  readonly agent: string | undefined;
  readonly status: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  /** Median time that the agents took of a request, in milliseconds. */
  readonly agentsMs: number;
  /** First deviation from the expected result. */
  readonly problem: string | undefined;
}

/** Gathers results by kind, in the order in which the kinds are defined. */
export function reportByKind(results: readonly DemoResult[]): KindReport[] {
  return DEMO_KINDS.flatMap((kind): KindReport[] => {
    const own = results.filter((result) => result.kind === kind);
    if (own.length === 0) return [];
    const [all, agents] = [new Latencies(own.length), new Latencies(own.length)];
    for (const { summary } of own) {
      all.add(summary?.durationMs ?? 0);
      agents.add(summary?.agentsMs ?? 0);
    }
    const { p50, p99 } = all.summary();
    const seen = own.find(({ summary }) => summary !== undefined)?.summary;
    return [
      {
        kind: kind.name,
        requests: own.length,
        asExpected: own.filter(({ expected }) => expected).length,
        decision: seen?.outcome ?? 'none',
        agent: seen?.agent,
        status: seen?.status ?? 0,
        latencyMs: { p50, p99 },
        agentsMs: agents.summary().p50,
        problem: own.find(({ problem }) => problem !== undefined)?.problem,
      },
    ];
  });
}

const ms = (value: number): string => `${value.toFixed(2)} ms`;

/** The table that ends the demo. */
export function drawReport(reports: readonly KindReport[], stream: Terminal['stdout']): string {
  const right = { align: 'right' } as const;
  const columns = [
    { title: 'kind of request' },
    { title: 'requests', ...right },
    { title: 'decision' },
    { title: 'agent' },
    { title: 'status', ...right },
    { title: 'p50', ...right },
    { title: 'p99', ...right },
    { title: 'in agents', ...right },
    { title: 'as expected', ...right },
  ];
  const rows = reports.map((report) => {
    const good = report.asExpected === report.requests;
    return [
      report.kind,
      String(report.requests),
      tint(report.decision === 'allowed' ? 'good' : 'warn', report.decision, stream),
      report.agent ?? '',
      report.status === 0 ? '–' : String(report.status),
      ms(report.latencyMs.p50),
      ms(report.latencyMs.p99),
      ms(report.agentsMs),
      tint(good ? 'good' : 'bad', `${report.asExpected}/${report.requests}`, stream) +
        (report.problem === undefined ? '' : ` ${report.problem}`),
    ];
  });
  return drawTable(columns, rows);
}
