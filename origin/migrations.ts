import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'

/** The folder of the migrations that this code was written for. */
export const MIGRATIONS = fileURLToPath(new URL('../migrations', import.meta.url))

const journalSchema = z.object({ entries: z.array(z.object({ tag: z.string(), when: z.int() })) })

/** A migration of this code: its name, and the moment by which the database knows it. */
export interface Migration {
  readonly tag: string
  readonly when: number
}

/** The migrations this code expects, oldest first. */
export const knownMigrations = (): readonly Migration[] =>
  journalSchema.parse(JSON.parse(readFileSync(`${MIGRATIONS}/meta/_journal.json`, 'utf8'))).entries

/** What a database lacks. Migrations it has beyond ours are fine: old code runs on newer tables. */
export function pendingMigrations(known: readonly Migration[], applied: readonly number[]): readonly Migration[] {
  const newest = applied.at(-1) ?? 0
  return known.filter(({ when }) => when > newest)
}
