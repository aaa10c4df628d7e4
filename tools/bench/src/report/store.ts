import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drawPage } from './page.ts';
import type { RunReport } from './run-report.ts';

function names(kind: RunReport['kind']): { readonly json: string; readonly page: string } {
  return kind === 'http' ? { json: 'http.json', page: 'http.html' } : { json: 'bench.json', page: 'index.html' };
}

/** Reads the last run of a kind from a folder; `undefined` where there is none. */
export function readLast(folder: string, kind: RunReport['kind']): RunReport | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, names(kind).json), 'utf8')) as RunReport;
  } catch {
    return undefined;
  }
}

/** Writes a run as JSON and as a page that compares it with `last`. @returns the files */
export function store(folder: string, report: RunReport, last: RunReport | undefined): readonly string[] {
  mkdirSync(folder, { recursive: true });
  const { json, page } = names(report.kind);
  const files = [join(folder, json), join(folder, page)];
  writeFileSync(files[0] ?? '', `${JSON.stringify(report, undefined, 1)}\n`);
  writeFileSync(files[1] ?? '', drawPage(report, last));
  return files;
}
