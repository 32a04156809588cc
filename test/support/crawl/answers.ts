import { AGE_HEADER, DEGRADED_HEADER } from '../../../contract/headers.ts'
import { type Page, pageSchema } from '../../../contract/post.ts'
import type { Truth } from './truth.ts'

/** Somebody who asks; undefined is nobody we know. */
export interface Asker {
  readonly id: string | undefined
  readonly headers: Readonly<Record<string, string>>
}

interface Asked {
  readonly isolates: readonly string[]
  readonly askers: readonly Asker[]
  readonly truth: Truth
  /** Requests at a time. */
  readonly atOnce?: number
}

/**
 * Asks the isolates for every post, every author and every feed as each of these people, and tells what an answer held that is not for who
 * asked, and what was refused to who may see it. Each request goes to the next isolate.
 */
export async function wrongAnswers({
  isolates,
  askers,
  truth,
  atOnce = 8,
}: Asked): Promise<{ readonly leaks: string[]; readonly lacks: string[]; readonly asked: number }> {
  const leaks: string[] = []
  const lacks: string[] = []
  let asked = 0
  /** A deleted account is nobody we know, and may be refused. */
  const isGone = ({ id }: Asker): boolean => id !== undefined && truth.accounts.get(id)?.deleted !== false
  const known = (asker: Asker): string | undefined => (isGone(asker) ? undefined : asker.id)
  async function ask({ id, headers }: Asker, path: string, judge: (text: string | undefined, who: string) => void): Promise<void> {
    const isolate = isolates[asked++ % isolates.length] ?? ''
    for (;;) {
      const response = await fetch(isolate + path, { headers })
      const text = await response.text()
      // Busy: what the edge cannot verify it may answer as it was, and says so.
      if (response.status >= 500 || response.headers.has(DEGRADED_HEADER)) continue
      const how = `${response.headers.get('cache-status')}, ${response.headers.get(AGE_HEADER)} ms old`
      return judge(response.status === 200 ? text : undefined, `${path} as ${id ?? 'nobody'} (${how})`)
    }
  }
  const linesOf = (text: string): Page['posts'] => pageSchema.parse(JSON.parse(text)).posts
  /** Everybody a line names, and what it shows, must be for who asks. */
  function judgeLines(asker: Asker, posts: Page['posts'], who: string): void {
    const reader = known(asker)
    for (const post of posts) {
      if (!truth.maySee(known(asker), post.activity_id)) leaks.push(`${who} shows ${post.activity_id} (${post.id})`)
      for (const person of [post.author, post.reposted_by, ...(post.reposters?.first ?? [])]) {
        if (!person) continue
        const account = truth.accounts.get(person.id)
        if (!account || account.suspended || account.deleted) leaks.push(`${who} names ${person.id}, who is suspended or gone`)
        else if (reader !== undefined && truth.blocked(reader, person.id)) leaks.push(`${who} names ${person.id}, who is blocked`)
      }
    }
  }

  const jobs = askers.flatMap((asker) => [
    ...[...truth.activities.values()]
      .filter(({ rootId }) => rootId === null)
      .map(
        ({ id }) =>
          () =>
            ask(asker, `/v1/posts/${id}`, (text, who) => {
              if (text !== undefined && !truth.maySee(known(asker), id))
                leaks.push(`${who} is shown, and ${truth.audienceOf(id)} may see it`)
              if (text === undefined && !isGone(asker) && truth.maySee(known(asker), id)) lacks.push(`${who} is refused`)
            }),
      ),
    ...[...truth.accounts.keys()].map(
      (authorId) => () =>
        ask(asker, `/v1/users/${authorId}/posts?limit=100`, (text, who) => {
          if (text === undefined) {
            if (!isGone(asker) && truth.maySeeAuthor(known(asker), authorId)) lacks.push(`${who} is refused`)
            return
          }
          const posts = linesOf(text)
          if (posts.length > 0 && !truth.maySeeAuthor(known(asker), authorId)) leaks.push(`${who} is answered`)
          judgeLines(asker, posts, who)
        }),
    ),
    ...(asker.id === undefined
      ? []
      : [
          () =>
            ask(asker, '/v1/feed/following?limit=100', (text, who) => {
              if (text === undefined) return
              const posts = linesOf(text)
              judgeLines(asker, posts, who)
              for (const { id, author, reposted_by } of posts) {
                for (const person of [author, reposted_by])
                  if (person && asker.id && truth.muted(asker.id, person.id)) leaks.push(`${who} shows ${id} of ${person.id}, who is muted`)
              }
            }),
        ]),
  ])
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let job = jobs.shift(); job; job = jobs.shift()) await job()
    }),
  )
  return { leaks, lacks, asked }
}
