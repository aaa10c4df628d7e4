import { createPrivateKey, X509Certificate } from 'node:crypto';
import { statSync } from 'node:fs';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { AgentwireError, type Clock, type Logger } from '@agentwire/core';
import { Sweep } from '@agentwire/core/internal';
import { readFile } from '../read-file.ts';

/** Files of one certificate of a server, PEM. */
export interface CertificateFiles {
  /** Certificate and the chain to its authority. */
  readonly cert: string;
  /** Private key, without a passphrase. */
  readonly key: string;
}

/** Collaborators of {@link TlsCertificates}. */
export interface TlsCertificatesDeps {
  readonly certificates: readonly CertificateFiles[];
  /** Content of the file with the authorities of clients; `undefined` where clients need no certificate. */
  readonly clientCa: string | undefined;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** Time between two checks of the files, in milliseconds. */
  readonly reloadIntervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when at least one certificate is another one. */
  readonly onChange: () => void;
}

interface Loaded {
  readonly files: CertificateFiles;
  /** Sizes and times of the files when they were read. */
  readonly version: string;
  readonly names: readonly string[];
  readonly options: SecureContextOptions;
  readonly context: SecureContext;
}

const NAME = /^(?:\*\.)?[\w.-]+$/;

/** Returns the DNS names of a certificate, in lower case; its common name where it has none. */
function namesOf(certificate: X509Certificate): string[] {
  const listed = (certificate.subjectAltName ?? '').split(', ').flatMap((entry) => {
    const name = entry.startsWith('DNS:') ? entry.slice(4).toLowerCase() : '';
    return NAME.test(name) ? [name] : [];
  });
  if (listed.length > 0) return listed;
  const [, common = ''] = /^CN=(.+)$/m.exec(certificate.subject) ?? [];
  return NAME.test(common) ? [common.toLowerCase()] : [];
}

function versionOf({ cert, key }: CertificateFiles): string {
  return [cert, key]
    .map((path) => {
      const { ino, size, mtimeMs } = statSync(path);
      return `${ino}:${size}:${mtimeMs}`;
    })
    .join(' ');
}

/**
 * Certificates of a server, selected by the name that a client asks for (SNI) and read again when their files change.
 *
 * A pair that cannot be read, or whose key does not belong to its certificate, changes nothing: the one before it stays, a
 * warning is logged, and the files are read again at the next check.
 */
export class TlsCertificates {
  readonly #deps: TlsCertificatesDeps;
  readonly #sweep: Sweep;
  #loaded: readonly Loaded[];
  #byName: ReadonlyMap<string, SecureContext>;

  /** @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the file */
  constructor(deps: TlsCertificatesDeps) {
    this.#deps = deps;
    this.#loaded = deps.certificates.map((files) => this.#load(files, false));
    this.#byName = this.#index();
    this.#sweep = new Sweep(deps.clock, deps.reloadIntervalMs, () => {
      this.reload();
      return true;
    });
    this.#sweep.start();
  }

  /** Options of the certificate for clients that ask for no name: the first one. */
  get fallback(): SecureContextOptions {
    return (this.#loaded[0] as Loaded).options;
  }

  /** @param again whether the server runs already, which a pipe would stop */
  #load(files: CertificateFiles, again: boolean): Loaded {
    let reading = files.cert;
    try {
      const version = versionOf(files);
      const cert = readFile(files.cert, again);
      const certificate = new X509Certificate(cert);
      reading = files.key;
      const key = readFile(files.key, again);
      if (!certificate.checkPrivateKey(createPrivateKey(key))) throw new Error(`it is not the key of ${files.cert}`);
      const { clientCa, minVersion } = this.#deps;
      const options = { cert, key, minVersion, ...(clientCa !== undefined && { ca: clientCa }) };
      return { files, version, names: namesOf(certificate), options, context: createSecureContext(options) };
    } catch (cause) {
      const message = `${reading} cannot be used: ${(cause as Error).message}`;
      throw new AgentwireError('ERR_INVALID_ARGUMENT', message, { cause });
    }
  }

  #index(): Map<string, SecureContext> {
    const byName = new Map<string, SecureContext>();
    for (const { names, context } of this.#loaded)
      for (const name of names) if (!byName.has(name)) byName.set(name, context);
    return byName;
  }

  /** Returns the certificate for a name: with exactly this name, with a wildcard for it, else the first one. */
  select(serverName: string): SecureContext {
    const name = serverName.toLowerCase();
    const wildcard = `*${name.slice(name.indexOf('.'))}`;
    return this.#byName.get(name) ?? this.#byName.get(wildcard) ?? (this.#loaded[0] as Loaded).context;
  }

  /** Reads the files that have changed. @returns the number of certificates that are new */
  reload(): number {
    let changed = 0;
    this.#loaded = this.#loaded.map((before) => {
      const after = this.#reloaded(before);
      if (after !== before) changed += 1;
      return after;
    });
    if (changed === 0) return 0;
    this.#byName = this.#index();
    this.#deps.onChange();
    return changed;
  }

  #reloaded(before: Loaded): Loaded {
    const { files } = before;
    try {
      if (versionOf(files) === before.version) return before;
      const after = this.#load(files, true);
      this.#deps.logger.info({ cert: files.cert }, 'a certificate was read again');
      return after;
    } catch (error) {
      const { message } = error as Error;
      this.#deps.logger.warn(
        { cert: files.cert },
        `a changed certificate is not used, the one before it stays: ${message}`,
      );
      return before;
    }
  }

  close(): void {
    this.#sweep.stop();
  }
}
