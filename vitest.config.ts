import { configDefaults, defineConfig } from 'vitest/config'

const tests = (...folders: string[]) => folders.map((folder) => `test/${folder}/**/*.test.ts`)

/** `npm run test:long` takes these too. */
const exclude = [...configDefaults.exclude, ...(process.env.TIDELINE_LONG_TESTS ? [] : ['**/*.long.test.ts'])]

/** Two projects: `fast` needs nothing, `real` has a Postgres, which only starts when one of its files runs. */
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    reporters: ['default'],
    projects: [
      { extends: true, test: { name: 'fast', include: [...tests('unit', 'behaviour', 'property'), 'test/*.test.ts'], exclude } },
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
