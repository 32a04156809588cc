import { lineOf } from '../command-line.ts'

/** What a check found; `todo` says what to do about it. */
export type Finding =
  | { readonly level: 'ok'; readonly says: string }
  | { readonly level: 'warn' | 'FAIL'; readonly says: string; readonly todo: string }

export interface Check {
  readonly name: string
  run(): Finding | Promise<Finding>
}
export type Verdict = Finding & { readonly check: string }

/** Milliseconds any check may take. */
const DEADLINE_MS = 8_000

export const ok = (says: string): Finding => ({ level: 'ok', says })
export const warn = (says: string, todo: string): Finding => ({ level: 'warn', says, todo })
export const fail = (says: string, todo: string): Finding => ({ level: 'FAIL', says, todo })

/** Runs all checks at once. One that throws, or takes too long, has failed; the others go on. */
export function runChecks(checks: readonly Check[], deadlineMs = DEADLINE_MS): Promise<Verdict[]> {
  return Promise.all(checks.map(async ({ name, run }) => ({ check: name, ...(await within(deadlineMs, run)) })))
}

async function within(deadlineMs: number, run: Check['run']): Promise<Finding> {
  const late = Promise.withResolvers<Finding>()
  const timer = setTimeout(
    () => late.resolve(fail(`no answer within ${deadlineMs / 1_000} s`, 'see whether it can be reached')),
    deadlineMs,
  )
  try {
    return await Promise.race([run(), late.promise])
  } catch (error) {
    return fail(lineOf(rootOf(error)), 'see what it says')
  } finally {
    clearTimeout(timer)
  }
}

const rootOf = (error: unknown): unknown => (error instanceof Error && error.cause !== undefined ? rootOf(error.cause) : error)
