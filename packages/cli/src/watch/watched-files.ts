import { unwatchFile, watchFile } from 'node:fs';

/** Time between two looks at a file, in milliseconds. */
const WATCH_INTERVAL_MS = 200;
/** Files that are watched at most. */
const MAX_FILES = 2_000;

/** Files that are watched for a change of their content. */
export class WatchedFiles {
  readonly #files = new Set<string>();
  #change: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  readonly #onChange = (now: { readonly mtimeMs: number }, before: { readonly mtimeMs: number }): void => {
    if (now.mtimeMs !== before.mtimeMs) this.#change.resolve();
  };

  /** Adds a file. It is watched by its name: editors put a new file in its place. */
  add(file: string): void {
    if (this.#files.has(file) || this.#files.size >= MAX_FILES) return;
    this.#files.add(file);
    watchFile(file, { interval: WATCH_INTERVAL_MS }, this.#onChange);
  }

  /** Resolves when a file has changed since the call before, or `signal` is aborted. */
  async changed(signal: AbortSignal): Promise<'changed'> {
    const change = this.#change;
    const onAbort = (): void => change.resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    await change.promise;
    signal.removeEventListener('abort', onAbort);
    if (this.#change === change) this.#change = Promise.withResolvers<void>();
    return 'changed';
  }

  /** Counts as a change of a file. */
  readonly change = (): void => this.#change.resolve();

  /** Stops watching. */
  close(): void {
    for (const file of this.#files) unwatchFile(file, this.#onChange);
  }
}
