import type { TestProject } from 'vitest/node'
import { bundleCacheWorker, bundleWorker } from './bundle.ts'
import { startTestPostgres } from './postgres.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** For `createDatabase` of `test/support/postgres.ts`. */
    postgresUrl: string
    /** The worker as `wrangler deploy` bundles it. */
    workerBundle: string
    /** The worker around the cache alone. */
    cacheBundle: string
  }
}

/** Once per run: one Postgres, on which each file makes a database of its own, and one bundle of each worker. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [server, bundle, cacheBundle] = await Promise.all([startTestPostgres(), bundleWorker(), bundleCacheWorker()])
  project.provide('postgresUrl', server.adminUrl)
  project.provide('workerBundle', bundle.path)
  project.provide('cacheBundle', cacheBundle.path)
  return async () => {
    await Promise.all([server.stop(), bundle.remove(), cacheBundle.remove()])
  }
}
