import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import type { Clock, TimerHandle } from '@agentwire/core';
import type { ConnectionSettings } from './upstream-connection.ts';
import type { HealthCheckOptions } from './upstream-config.ts';

/** Collaborators of {@link HealthChecks}. */
export interface HealthChecksDeps {
  readonly settings: ConnectionSettings;
  readonly options: HealthCheckOptions;
  readonly clock: Clock;
  /** Called with each result. @param reason status, or the error in place of one */
  readonly onResult: (ok: boolean, reason: string) => void;
}

/** Longest reason of a failed check, in characters. */
const MAX_REASON_LENGTH = 200;

function reasonOf(got: number | Error): string {
  if (typeof got === 'number') return `status ${got}`;
  const { code, message } = got as NodeJS.ErrnoException;
  return (code ?? message).slice(0, MAX_REASON_LENGTH);
}

/** Asks one target again and again whether it is healthy, each time on a connection of its own. */
export class HealthChecks {
  readonly #deps: HealthChecksDeps;
  readonly #stopped = new AbortController();
  #timer: TimerHandle;

  constructor(deps: HealthChecksDeps) {
    this.#deps = deps;
    this.#next(0);
  }

  #next(delayMs: number): void {
    this.#timer = this.#deps.clock.setTimeout(() => void this.#check(), delayMs);
  }

  async #check(): Promise<void> {
    const { clock, options, onResult } = this.#deps;
    const { intervalMs = 10_000, timeoutMs = 2_000, status } = options;
    const timedOut = new AbortController();
    const timer = clock.setTimeout(() => timedOut.abort(), timeoutMs);
    // also what request throws at once, such as for a certificate that cannot be read, is a failed check
    const signal = AbortSignal.any([timedOut.signal, this.#stopped.signal]);
    const got = await this.#statusOf(signal).catch((error: unknown) => error as Error);
    clock.clearTimeout(timer);
    if (this.#stopped.signal.aborted) return;
    const isExpected = status === undefined ? Number(got) >= 200 && Number(got) < 400 : got === status;
    onResult(isExpected, timedOut.signal.aborted ? `no answer in ${timeoutMs} ms` : reasonOf(got));
    this.#next(intervalMs);
  }

  /** Returns the status of one check, or the error in place of one. */
  async #statusOf(signal: AbortSignal): Promise<number | Error> {
    const { settings, options } = this.#deps;
    const { address, dialAddress, tls } = settings;
    if (settings.protocol !== 'http1') {
      const { statusOverHttp2 } = await import('./http2/health-request.ts');
      const status = await statusOverHttp2(settings, options, signal);
      if (status !== undefined) return status;
    }
    const { origin, socketPath, host, hostname } = address;
    return new Promise((resolve) => {
      const common = {
        headers: { host: options.host ?? host },
        agent: false,
        signal,
        ...(socketPath && { socketPath }),
        ...(dialAddress && { host: dialAddress }),
      };
      const request = origin.startsWith('https:')
        ? requestHttps(origin + options.path, {
            ...common,
            ...(tls?.ca !== undefined && { ca: Buffer.from(tls.ca) }),
            ...(tls?.cert !== undefined && { cert: Buffer.from(tls.cert) }),
            ...(tls?.key !== undefined && { key: Buffer.from(tls.key) }),
            ...(isIP(tls?.serverName ?? hostname) === 0 && { servername: tls?.serverName ?? hostname }),
            rejectUnauthorized: tls?.verify ?? true,
          })
        : requestHttp(origin + options.path, common);
      request.on('error', resolve);
      request.on('response', (response) => {
        response.on('error', () => undefined).destroy();
        resolve(response.statusCode ?? 0);
      });
      request.end();
    });
  }

  stop(): void {
    this.#deps.clock.clearTimeout(this.#timer);
    this.#stopped.abort();
  }
}
