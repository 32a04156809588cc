import { MAX_REPOSTERS, NAMED_REPOSTERS } from '../../contract/post.ts'
import type { Account } from './keys.ts'
import type { Part } from './parts.ts'

const decoder = new TextDecoder()

/** The member of a line that says who reposted it, newest first; undefined where it was one. */
export function repostersOf(accounts: readonly Pick<Part<Account>, 'value'>[]): string | undefined {
  const profiles = accounts.flatMap(({ value }) => value?.json ?? [])
  if (profiles.length < 2) return undefined
  const first = profiles.slice(0, NAMED_REPOSTERS).map((json) => decoder.decode(json))
  return `"reposters":{"count":${Math.min(profiles.length, MAX_REPOSTERS)},"first":[${first.join(',')}]}`
}
