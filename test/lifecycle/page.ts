import type { LifecycleCase } from './lifecycle-case.ts';

/** Path of the page in the repository. */
export const PAGE = 'docs/lifecycle.md';

/** Draws a lifecycle as a Mermaid state diagram. */
function diagramOf({ lifecycle }: LifecycleCase): string {
  const states = Object.keys(lifecycle);
  const lines = [`  [*] --> ${states[0] ?? ''}`];
  for (const state of states) {
    const events = Object.entries(lifecycle[state] ?? {});
    const targets = [...new Set(events.map(([, target]) => target))];
    for (const target of targets) {
      const names = events.filter(([, to]) => to === target).map(([event]) => event);
      lines.push(`  ${state} --> ${target}: ${names.join(', ')}`);
    }
    if (events.length === 0) lines.push(`  ${state} --> [*]`);
  }
  return ['```mermaid', 'stateDiagram-v2', ...lines, '```'].join('\n');
}

/** Puts the diagrams between their markers. @throws Error for a case without markers */
export function pageWith(page: string, cases: readonly LifecycleCase[]): string {
  let text = page;
  for (const one of cases) {
    const markers = new RegExp(`(<!-- lifecycle: ${one.name} -->\n)[^]*?(<!-- /lifecycle -->)`);
    if (!markers.test(text)) throw new Error(`${PAGE} has no markers for ${one.name}`);
    text = text.replace(markers, (_, begin: string, end: string) => `${begin}\n${diagramOf(one)}\n\n${end}`);
  }
  return text;
}
