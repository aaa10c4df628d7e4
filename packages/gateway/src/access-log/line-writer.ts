import type { Clock, TimerHandle } from '@agentwire/core';

/** Outcome of a write. */
export interface WrittenLines {
  /** Lines that were written, the first ones. */
  readonly lines: number;
  /** Error that the others were lost to. */
  readonly error?: unknown;
}

/** Destination of lines: a file or a stream. */
export interface LineSink {
  /** Writes lines, each with its line feed. Never rejects. */
  write(lines: readonly string[]): Promise<WrittenLines>;
  close(): Promise<void>;
}

/** Collaborators of a {@link LineWriter}. */
export interface LineWriterDeps {
  readonly clock: Clock;
  readonly open: () => Promise<LineSink>;
  /** Called with the number of lines that did not wait since the last call, when lines are written again, and at the end. */
  readonly onDropped: (lines: number) => void;
  /** Called with an error of the destination. @param lines lines that were lost to it */
  readonly onError: (error: unknown, what: 'write' | 'reopen', lines: number) => void;
}

/**
 * Time from a write to the next one, in milliseconds: a write costs as much as several lines. The first line after a quiet time is written
 * at once.
 */
const BATCH_MS = 20;

/** Writer of lines that never waits: one write at a time, further lines are buffered up to a limit, and dropped past it. */
export class LineWriter {
  readonly #deps: LineWriterDeps;
  #sink: LineSink;
  #lines: string[] = [];
  /** Bytes that are buffered or within a write. */
  #bytes = 0;
  #running: Promise<void> | undefined;
  #reopening: PromiseWithResolvers<void> | undefined;
  #unreported = 0;
  #closed = false;
  #wake: (() => void) | undefined;
  written = 0;
  dropped = 0;

  private constructor(sink: LineSink, deps: LineWriterDeps) {
    this.#sink = sink;
    this.#deps = deps;
  }

  /** Bytes that are not written yet. */
  get waitingBytes(): number {
    return this.#bytes;
  }

  /** Opens the destination. */
  static async open(deps: LineWriterDeps): Promise<LineWriter> {
    return new LineWriter(await deps.open(), deps);
  }

  /** Takes a line, unless more than `limitBytes` would wait then. */
  push(line: string, limitBytes: number): void {
    const bytes = Buffer.byteLength(line);
    if (this.#closed || this.#bytes + bytes > limitBytes) return this.#drop(1);
    this.#lines.push(line);
    this.#bytes += bytes;
    this.#start();
  }

  /** Opens the destination again after the write in progress; where that fails, the former one stays in use. */
  reopen(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#reopening ??= Promise.withResolvers<void>();
    const { promise } = this.#reopening;
    this.#start();
    this.#wake?.();
    return promise;
  }

  /** Takes no more lines. Resolves when all of them are written. */
  async end(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
    await this.#running;
    this.#report();
  }

  /** Closes the destination; lines that still wait are dropped. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#drop(this.#lines.splice(0).length);
    this.#report();
    await this.#sink.close();
  }

  #start(): void {
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    // lines of one turn of the event loop are written together
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#lines.length > 0 || this.#reopening !== undefined) {
      if (this.#reopening !== undefined) await this.#reopen(this.#reopening);
      if (this.#lines.length > 0) await this.#write(this.#lines.splice(0));
      await this.#pause();
    }
    this.#running = undefined;
  }

  /** Waits for further lines, unless the destination is to be opened again or closed. */
  async #pause(): Promise<void> {
    if (this.#closed || this.#reopening !== undefined) return;
    const { clock } = this.#deps;
    let timer: TimerHandle;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = clock.setTimeout(resolve, BATCH_MS);
    });
    clock.clearTimeout(timer);
    this.#wake = undefined;
  }

  async #write(lines: readonly string[]): Promise<void> {
    const { lines: count, error } = await this.#sink.write(lines);
    this.written += count;
    if (count === lines.length) this.#report();
    else {
      this.dropped += lines.length - count;
      this.#deps.onError(error, 'write', lines.length - count);
    }
    for (const line of lines) this.#bytes -= Buffer.byteLength(line);
  }

  async #reopen(asked: PromiseWithResolvers<void>): Promise<void> {
    this.#reopening = undefined;
    try {
      const before = this.#sink;
      this.#sink = await this.#deps.open();
      await before.close();
    } catch (error) {
      this.#deps.onError(error, 'reopen', 0);
    }
    asked.resolve();
  }

  #drop(lines: number): void {
    this.dropped += lines;
    this.#unreported += lines;
  }

  #report(): void {
    if (this.#unreported > 0) this.#deps.onDropped(this.#unreported);
    this.#unreported = 0;
  }
}
