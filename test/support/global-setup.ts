import type { TestProject } from 'vitest/node'
import { startTestPostgres } from './postgres.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** For `createDatabase` of `test/support/postgres.ts`. */
    postgresUrl: string
  }
}

/** Starts one Postgres for the run; each test file makes a database of its own on it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startTestPostgres()
  project.provide('postgresUrl', server.adminUrl)
  return server.stop
}
