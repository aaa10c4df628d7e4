import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// Tests import the workspace packages from source through this condition, so no build comes first.
const conditions = ['@agentwire/source', 'module', 'node', 'development|production'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: [
      'packages/*/test/**/*.test.ts',
      'test/*/**/*.test.ts',
      'examples/*/test/**/*.test.ts',
      'tools/*/test/**/*.test.ts',
    ],
    // by default one core of two would stay idle
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // deadlines of tests are for hangs only: nothing may depend on how fast this machine is
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
    benchmark: { include: ['packages/*/bench/**/*.bench.ts'] },
    coverage: { provider: 'v8', include: ['packages/*/src/**'], exclude: ['**/gen/**'], thresholds: { lines: 80 } },
    reporters: ['default', ['json', { outputFile: '.vitest/results.json' }]],
  },
});
