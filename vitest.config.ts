import { defineConfig } from 'vitest/config'

const tests = (...folders: string[]) => folders.map((folder) => `test/${folder}/**/*.test.ts`)

/** Two projects: `fast` needs nothing, `real` has a Postgres, which only starts when one of its files runs. */
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    reporters: ['default'],
    projects: [
      { extends: true, test: { name: 'fast', include: [...tests('unit', 'behaviour', 'property'), 'test/*.test.ts'] } },
      {
        extends: true,
        test: { name: 'real', include: tests('conformance', 'real', 'chaos'), globalSetup: 'test/support/global-setup.ts' },
      },
    ],
  },
})
