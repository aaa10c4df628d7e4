import { line, type Terminal, tint } from '../output/terminal.ts';

const WIDTH = 32;

/** Progress of the load: a moving bar on a terminal, otherwise one line per quarter. */
export function createProgress(total: number, stream: Terminal['stderr']): { step(good: boolean): void; end(): void } {
  const live = 'isTTY' in stream && stream.isTTY;
  let done = 0;
  let bad = 0;
  const text = (): string => {
    const filled = Math.round((done / total) * WIDTH);
    const bar = '█'.repeat(filled) + '░'.repeat(WIDTH - filled);
    const trouble = bad === 0 ? '' : tint('bad', `  ${bad} not as expected`, stream);
    return `${tint('name', bar, stream)} ${done}/${total} requests${trouble}`;
  };
  return {
    step(good) {
      done += 1;
      if (!good) bad += 1;
      if (live) stream.write(`\r${text()}`);
      else if (done === total || done % Math.ceil(total / 4) === 0) line(stream, text());
    },
    end() {
      if (live) line(stream);
    },
  };
}
