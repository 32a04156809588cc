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

/** What `group` finds; one line that says so when it hangs where its own checks have not begun. */
export function bounded(check: string, group: () => Promise<Verdict[]>, deadlineMs = 3 * DEADLINE_MS): Promise<Verdict[]> {
  const late = Promise.withResolvers<Verdict[]>()
  const hung = fail(`no answer within ${deadlineMs / 1_000} s`, 'see whether it can be reached')
  const timer = setTimeout(() => late.resolve([{ check, ...hung }]), deadlineMs)
  const failed = (error: unknown): Verdict[] => [{ check, ...fail(reasonOf(error), 'see what it says') }]
  return Promise.race([group().catch(failed), late.promise]).finally(() => clearTimeout(timer))
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
    return fail(reasonOf(error), 'see what it says')
  } finally {
    clearTimeout(timer)
  }
}

/** The innermost message: fetch says only that it failed. */
export const reasonOf = (error: unknown): string =>
  error instanceof Error && error.cause !== undefined ? reasonOf(error.cause) : lineOf(error)
