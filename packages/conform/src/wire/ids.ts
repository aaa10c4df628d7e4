import { randomUUID } from 'node:crypto';

const run = randomUUID().slice(0, 8);
let checks = 0;

/** Begins a new series of ids: in the zentinel dialect an id belongs to the whole process of an agent, not to a connection. */
export function freshIds(): void {
  checks += 1;
}

/** The `n`-th id of the series, as text that no other series has. */
export function textId(n: number): string {
  return `conform-${run}-${checks}-${n}`;
}
