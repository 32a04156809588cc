import { configDefaults, defineConfig } from 'vitest/config'
import { LongestFirst } from './test/support/longest-first.ts'

const tests = (...folders: string[]) => folders.map((folder) => `test/${folder}/**/*.test.ts`)

/** `npm run test:long` takes these too. */
const exclude = [...configDefaults.exclude, ...(process.env.TIDELINE_LONG_TESTS ? [] : ['**/*.long.test.ts'])]

/** Two projects: `fast` needs nothing, `real` has a Postgres, which only starts when one of its files runs. */
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    // They only say that it must end: machines that run tests are slow and shared, and may stand still for seconds.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    teardownTimeout: 60_000,
    expect: { poll: { timeout: 30_000, interval: 25 } },
    reporters: ['default'],
    projects: [
      {
        extends: true,
        test: {
          name: 'fast',
          include: [...tests('unit', 'behaviour', 'property', 'model'), 'test/*.test.ts'],
          exclude,
          isolate: false, // a process for each of these small files would cost more than the files
        },
      },
      {
        extends: true,
        test: {
          name: 'real',
          include: tests('conformance', 'real', 'chaos', 'browser'),
          exclude,
          globalSetup: 'test/support/global-setup.ts',
        },
      },
    ],
  },
})
