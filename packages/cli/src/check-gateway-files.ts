import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { checkGatewayPaths } from './check-gateway-paths.ts';
import type { GatewaySettings } from './commands/gateway-settings.ts';
import { readNamedFile, type ReadNamedFile, readToken } from './named-files.ts';
import { checkReverseAccess } from './reverse-agents.ts';
import { UsageError } from './usage-error.ts';

const PEM_CERTIFICATE =
  /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^]*?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/** Tests if a certificate and its key fit together. @throws UsageError */
function checkPair(
  what: string,
  pair: { readonly cert: string | Buffer; readonly key: string | Buffer },
  example: string,
): void {
  try {
    createSecureContext(pair);
  } catch (error) {
    throw new UsageError(`${what} are no certificate with its key (${(error as Error).message})`, example);
  }
}

/** Reads a certificate and its key, and tests if they fit together. @throws UsageError */
function checkPairOfFiles(
  [nameOfCert, cert]: readonly [name: string, path: string],
  [nameOfKey, key]: readonly [name: string, path: string],
  example: string,
  read: ReadNamedFile = readNamedFile,
): void {
  const pair = { cert: read(nameOfCert, cert, example), key: read(nameOfKey, key, example) };
  checkPair(`${nameOfCert}: ${cert} and ${key}`, pair, example);
}

/** Reads every certificate of a PEM text: TLS itself ignores what it cannot read. @throws UsageError */
function checkAuthorities(what: string, pem: string, example: string): void {
  const certificates = pem.match(PEM_CERTIFICATE) ?? [];
  if (certificates.length === 0) throw new UsageError(`${what} has no certificates (PEM)`, example);
  for (const [at, one] of certificates.entries()) {
    try {
      // oxlint-disable-next-line no-new -- it throws for what is no certificate
      new X509Certificate(one);
    } catch (error) {
      throw new UsageError(`${what}: certificate ${at + 1} cannot be read (${(error as Error).message})`, example);
    }
  }
}

function checkAuthoritiesOfFile(
  name: string,
  path: string,
  example: string,
  read: ReadNamedFile = readNamedFile,
): void {
  checkAuthorities(`${name}: ${path}`, read(name, path, example).toString('latin1'), example);
}

/** Returns the checks of what the file has read for upstreams: the PEM text itself. */
function upstreamChecks({ upstreams = {}, nameOf }: GatewaySettings, example: string): (() => unknown)[] {
  return Object.entries(upstreams).flatMap(([name, { tls }]) => {
    const { ca, cert, key } = tls ?? {};
    const at = (field: string): string => nameOf(['upstreams', name, 'tls', field]);
    return [
      () => ca !== undefined && checkAuthorities(at('ca'), Buffer.from(ca).toString('latin1'), example),
      () =>
        cert !== undefined &&
        key !== undefined &&
        checkPair(`${at('cert')} and key`, { cert: Buffer.from(cert), key: Buffer.from(key) }, example),
    ];
  });
}

/** Returns the checks of keys and certificates towards agents. */
function tlsChecks({ tlsFlags, nameOfTls, files }: GatewaySettings, example: string): (() => unknown)[] {
  const { tlsCert, tlsKey, tlsCa } = tlsFlags;
  return [
    () =>
      tlsCert !== undefined &&
      tlsKey !== undefined &&
      checkPairOfFiles([nameOfTls('tlsCert'), tlsCert], [nameOfTls('tlsKey'), tlsKey], example, files.read),
    () => tlsCa !== undefined && checkAuthoritiesOfFile(nameOfTls('tlsCa'), tlsCa, example, files.read),
  ];
}

/** Checks the keys and certificates towards agents. @throws UsageError for what is no certificate, or not that of its key */
export function checkTlsFiles(settings: GatewaySettings, example: string): void {
  for (const check of tlsChecks(settings, example)) check();
}

/**
 * Opens every file that settings of a gateway name: certificates and keys, which must fit together, authorities, and tokens. It also
 * looks for the folders of Unix sockets, of the access log and the recording, and for the modules of transports, and refuses agents
 * that could register over a network without a token.
 *
 * @returns what is wrong, a message each, with file, line and key
 */
export function checkGatewayFiles(settings: GatewaySettings, example: string): readonly string[] {
  const { https, tlsFlags, adminTokenFile, tokenFile, nameOfTokenFile, agents, reverseListen, nameOf } = settings;
  const checks: (() => unknown)[] = [
    ...(https?.certificates ?? []).map(({ cert, key }, at) => () => {
      const name = (field: string): string => nameOf(['https', 'certificates', at, field]);
      checkPairOfFiles([name('cert'), cert], [name('key'), key], example);
    }),
    () =>
      https?.clientCa !== undefined && checkAuthoritiesOfFile(nameOf(['https', 'clientCa']), https.clientCa, example),
    ...tlsChecks(settings, example),
    ...upstreamChecks(settings, example),
    () => adminTokenFile !== undefined && readToken(nameOf(['adminTokenFile']), adminTokenFile, example),
    () => tokenFile !== undefined && readToken(nameOfTokenFile, tokenFile, example),
    ...agents.map(
      ({ name, tokenFile: file }) =>
        () =>
          file !== undefined && readToken(settings.nameOfAgentToken(name), file, example),
    ),
    () => {
      if (reverseListen === undefined) return;
      checkReverseAccess(reverseListen, {
        hasToken: tokenFile !== undefined,
        clientCertificates: tlsFlags.tlsCa !== undefined,
      });
    },
  ];
  const wrong = checks.flatMap((check) => {
    try {
      check();
      return [];
    } catch (error) {
      if (error instanceof UsageError) return [error.message];
      throw error;
    }
  });
  return [...wrong, ...checkGatewayPaths(settings)];
}
