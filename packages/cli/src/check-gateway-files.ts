import { createSecureContext } from 'node:tls';
import type { GatewaySettings } from './commands/gateway-settings.ts';
import { readNamedFile, readSecret } from './read-named-file.ts';
import { checkReverseAccess } from './reverse-agents.ts';
import { UsageError } from './usage-error.ts';

/** Reads a certificate and its key, and tests if they fit together. @throws UsageError */
function checkPair(name: string, cert: string, key: string, example: string): void {
  const pair = { cert: readNamedFile(name, cert, example), key: readNamedFile(name, key, example) };
  try {
    createSecureContext(pair);
  } catch (error) {
    throw new UsageError(
      `${name}: ${cert} and ${key} are no certificate with its key (${(error as Error).message})`,
      example,
    );
  }
}

function checkAuthorities(name: string, path: string, example: string): void {
  const ca = readNamedFile(name, path, example);
  try {
    createSecureContext({ ca });
  } catch (error) {
    throw new UsageError(`${name}: ${path} has no certificates (${(error as Error).message})`, example);
  }
}

/**
 * Opens every file that settings of a gateway name: certificates and keys, which must fit together, authorities, and tokens. It also
 * refuses agents that could register over a network without a token.
 *
 * @returns what is wrong, a message each
 */
export function checkGatewayFiles(settings: GatewaySettings, example: string): readonly string[] {
  const { https, tlsFlags, nameOfTls, adminTokenFile, tokenFile, nameOfTokenFile, agents, reverseListen } = settings;
  const { tlsCert, tlsKey, tlsCa } = tlsFlags;
  const checks: (() => unknown)[] = [
    ...(https?.certificates ?? []).map(
      ({ cert, key }) =>
        () =>
          checkPair('https.certificates', cert, key, example),
    ),
    () => https?.clientCa !== undefined && checkAuthorities('https.clientCa', https.clientCa, example),
    () => tlsCert !== undefined && tlsKey !== undefined && checkPair(nameOfTls('tlsCert'), tlsCert, tlsKey, example),
    () => tlsCa !== undefined && checkAuthorities(nameOfTls('tlsCa'), tlsCa, example),
    () => adminTokenFile !== undefined && readSecret('adminTokenFile', adminTokenFile, example),
    () => tokenFile !== undefined && readSecret(nameOfTokenFile, tokenFile, example),
    ...agents.map(
      ({ name, tokenFile: file }) =>
        () =>
          file !== undefined && readSecret(settings.nameOfAgentToken(name), file, example),
    ),
    () => {
      if (reverseListen === undefined) return;
      checkReverseAccess(reverseListen, { hasToken: tokenFile !== undefined, clientCertificates: tlsCa !== undefined });
    },
  ];
  return checks.flatMap((check) => {
    try {
      check();
      return [];
    } catch (error) {
      if (error instanceof UsageError) return [error.message];
      throw error;
    }
  });
}
