import { type StatsListener, unwatchFile, watchFile } from 'node:fs';

/** Time between two looks at a file, in milliseconds. */
const WATCH_INTERVAL_MS = 200;
/** Files that are watched at most. */
const MAX_FILES = 2_000;

/** Files that are watched for a change of their content. */
export class WatchedFiles {
  readonly #files = new Map<string, StatsListener>();
  #change: PromiseWithResolvers<string | undefined> = Promise.withResolvers();

  /** Adds a file. It is watched by its name: editors put a new file in its place. */
  add(file: string): void {
    if (this.#files.has(file) || this.#files.size >= MAX_FILES) return;
    const onChange: StatsListener = (now, before) => {
      // by what it is: editors replace files, and some mount them through links, so that events of the old file never come; files of
      // images and stores all have one time
      if (now.mtimeMs !== before.mtimeMs || now.ino !== before.ino || now.size !== before.size)
        this.#change.resolve(file);
    };
    this.#files.set(file, onChange);
    watchFile(file, { interval: WATCH_INTERVAL_MS }, onChange);
  }

  /**
   * Resolves when a file has changed since the call before, or `signal` is aborted.
   *
   * @returns the file; `undefined` where it was none of them
   */
  async changed(signal: AbortSignal): Promise<string | undefined> {
    const change = this.#change;
    const onAbort = (): void => change.resolve(undefined);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const file = await change.promise;
    signal.removeEventListener('abort', onAbort);
    if (this.#change === change) this.#change = Promise.withResolvers();
    return file;
  }

  /** Counts as a change, of no file. */
  readonly change = (): void => this.#change.resolve(undefined);

  /** Stops watching. */
  close(): void {
    for (const [file, onChange] of this.#files) unwatchFile(file, onChange);
    this.#files.clear();
  }
}
