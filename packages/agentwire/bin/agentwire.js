#!/usr/bin/env node
// before anything is imported: an older Node would fail there with an error that says nothing about its age
const { node: version } = process.versions;
const [major = 0, minor = 0] = version.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `agentwire needs Node 22.18 or newer, this is ${version}\n` +
      'install a newer one from https://nodejs.org, or run one from npm: npx --package=node@24 --package=agentwire -- agentwire\n',
  );
  process.exitCode = 1;
} else {
  const { main } = await import('@agentwire/cli');
  const status = await main(process.argv.slice(2));
  process.exitCode = status;
  // a command that failed ends, whatever a module that it loaded has left open; only after its output was written
  if (status !== 0) process.stdout.write('', () => process.stderr.write('', () => process.exit()));
}
