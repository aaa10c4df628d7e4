import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Returns the import of a specifier as `m<at>`; a JSON file needs its type, and has one export. */
function importOf(specifier: string, at: number): string {
  return specifier.endsWith('.json')
    ? `import m${at} from '${specifier}' with { type: 'json' };`
    : `import * as m${at} from '${specifier}';`;
}

/** Writes the programs that try a package, into the folder where it is installed. */
export function writePrograms(folder: string, specifiers: readonly string[], typeRoots: string): void {
  const put = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  const list = JSON.stringify(specifiers);
  put(
    'time.mjs',
    `const since = performance.now();
await import(${JSON.stringify(specifiers[0])});
process.stdout.write(String(performance.now() - since));
`,
  );
  put(
    'import.mjs',
    `const names = {};
for (const specifier of ${list}) {
  const isJson = specifier.endsWith('.json');
  const module = await import(specifier, isJson ? { with: { type: 'json' } } : undefined);
  names[specifier] = Object.keys(isJson ? module.default : module).sort();
}
process.stdout.write(JSON.stringify(names));
`,
  );
  put(
    'require.cjs',
    `const names = {};
for (const specifier of ${list}) names[specifier] = Object.keys(require(specifier)).filter((name) => name !== '__esModule').sort();
process.stdout.write(JSON.stringify(names));
`,
  );
  const imports = specifiers.map(importOf).join('\n');
  const names = specifiers.map((_, at) => `...Object.keys(m${at})`).join(', ');
  put('consumer.mts', `${imports}\nexport const names: readonly string[] = [${names}];\n`);
  const compilerOptions = {
    target: 'es2024',
    module: 'nodenext',
    moduleResolution: 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
    types: ['node'],
    typeRoots: [typeRoots],
  };
  put('tsconfig.json', JSON.stringify({ compilerOptions, files: ['consumer.mts'] }));
}

/** A request and its answer over a Unix socket in JSON, with nothing but what `transport-uds` brings. */
export const JSON_OVER_UDS: string = `
import { ALLOW, FEATURES } from '@agentwire/core';
import { connectSession, serveSessions } from '@agentwire/core/session';
import { createUdsTransport } from '@agentwire/transport-uds';
const transport = createUdsTransport();
const hello = { version: '1', features: FEATURES, encodings: ['json'] };
const address = 'unix:' + process.cwd() + '/agent.sock';
const listener = await serveSessions(transport, address, { onEvent: () => ALLOW }, { self: { ...hello, role: 'agent', name: 'a' } });
const session = await connectSession(transport, address, { self: { ...hello, role: 'proxy', name: 'p' } });
const metadata = { correlationId: 'c', requestId: 'r', clientIp: '::1', clientPort: 1, protocol: 'HTTP/1.1', timestamp: '2026-01-01T00:00:00Z' };
const decision = await session.request({ type: 'requestHeaders', metadata, method: 'GET', uri: '/', headers: [], hasBody: false });
process.stdout.write(session.connection.peer.encoding + ' ' + decision.verdict.type);
await session.close();
await listener.close();
`;
