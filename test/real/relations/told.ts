import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { loadKeys } from '../../../origin/timelines/load.ts'
import { eventually } from '../../support/eventually.ts'
import { anyHistory, type Deed, type Known, keysAbout, requestOf, type Told, wrongIn } from '../../support/invalidation-histories.ts'
import type { World } from './world.ts'

const PEOPLE = 4
/** After these the bodies of posts leave L2 by a sweep. */
const SWEEPING: ReadonlySet<Deed['verb']> = new Set(['go private', 'open', 'suspend', 'come back', 'delete account'])

/** What a deed changed, and what had been told to caches when it was acknowledged. */
interface Step {
  readonly deed: Deed
  readonly before: ReadonlyMap<string, Known>
  readonly after: ReadonlyMap<string, Known>
  readonly told: readonly Told[]
  readonly swept: (postId: string) => boolean
}

async function play({ stack, service, people: makePeople }: World, history: readonly Deed[]): Promise<Step[]> {
  const people = await makePeople(PEOPLE)
  const ids = people.map(({ id }) => id)
  const posts: string[] = []
  const authorOf = new Map<string, string>()
  const known = async () => new Map<string, Known>((await loadKeys(stack.db, keysAbout(ids, posts))).map((one) => [one.key, one]))
  const steps: Step[] = []
  let before = await known()
  let last = (await stack.db.execute<{ id: bigint }>(sql`select coalesce(max(id), 0) as id from invalidations`))[0]?.id ?? 0n
  /** Notes what has changed since the note before. */
  async function note(deed: Deed): Promise<void> {
    const told = await stack.db.execute<{ id: bigint; key: string; truth: bigint }>(sql`
      select id, key, truth from invalidations where id > ${last} and done_at is not null order by id`)
    last = told.at(-1)?.id ?? last
    const sweeps = await stack.db.execute<{ id: string }>(sql`select author_id::text as id from sweeps`)
    const swept = new Set(SWEEPING.has(deed.verb) ? sweeps.map(({ id }) => id) : [])
    const after = await known()
    steps.push({
      deed,
      before,
      after,
      told: told.map(({ key, truth }) => ({ key, truth: Number(truth) })),
      swept: (id) => swept.has(authorOf.get(id) ?? ''),
    })
    before = after
  }
  for (const deed of history) {
    const { service: byService, method, path, body } = requestOf(deed, ids, posts)
    const response = await (byService ? service : people[deed.actor]?.call)?.(method, path, body)
    const said = await response?.text()
    if (!response || response.status >= 500) throw new Error(`${method} ${path} answered ${response?.status}: ${said}`)
    // Behind it its followers' views are changed, and told, chunk by chunk.
    if (deed.verb === 'delete account') {
      await eventually(async () => expect(await stack.db.execute(sql`select 1 from sweeps where due_at <> 'infinity'`)).toHaveLength(0))
    }
    await note(deed)
    if (response.status !== 201 || !said) continue
    const made = JSON.parse(said) as { readonly id: string; readonly author_id?: string }
    if (made.author_id === undefined) continue
    posts.push(made.id)
    authorOf.set(made.id, made.author_id)
    before = await known()
  }
  return steps
}

/** What was told wrong, deed by deed; `heard` may leave out some of what was told. */
const wrongOf = (steps: readonly Step[], heard: (told: Told) => boolean = () => true): string[] =>
  steps.flatMap(({ deed, before, after, told, swept }) =>
    wrongIn(before, after, told.filter(heard), swept).map((what) => `${deed.verb}: ${what}`),
  )

/** A history in which every kind of value changes. */
const EVERYTHING: readonly Deed[] = (
  [
    'post',
    'like',
    'follow',
    'mute',
    'post for followers',
    'go private',
    'open',
    'suspend',
    'come back',
    'block',
    'unblock',
    'delete',
  ] as const
).map((verb) => ({ verb, actor: 0, other: 1, post: 0 }))

/** Whatever a write changes has been told to caches when it is acknowledged. */
export function told(world: () => World, numRuns: number): void {
  test('whatever a write changes of what caches hold, it has raised and dropped before it is acknowledged, in any history', () =>
    fc.assert(
      fc.asyncProperty(anyHistory(PEOPLE, 40), async (history) => {
        expect(wrongOf(await play(world(), history))).toEqual([])
      }),
      { numRuns, endOnFailure: true },
    ))

  test('and so has the end of an account that others follow, block and are blocked by', async () => {
    const about = (verb: Deed['verb'], actor: number, other: number): Deed => ({ verb, actor, other, post: 0 })
    const ties = [about('follow', 0, 1), about('follow', 1, 0), about('block', 1, 2), about('block', 3, 1), about('post', 1, 0)]
    expect(wrongOf(await play(world(), [...ties, about('delete account', 1, 0)]))).toEqual([])
  })

  test('a kind of value that is not dropped is noticed', async () => {
    const steps = await play(world(), EVERYTHING)
    expect(wrongOf(steps)).toEqual([])
    for (const kind of ['us', 'vw', 'rel', 'au', 'my', 'po']) {
      const wrong = wrongOf(steps, ({ key }) => !key.startsWith(`${kind}:`))
      expect(wrong.length, kind).toBeGreaterThan(0)
      for (const what of wrong) expect(what).toMatch(new RegExp(`: ${kind}:\\S+ was not dropped$`))
    }
    const fallen = wrongOf(steps.map(({ before, after, ...step }) => ({ ...step, before: after, after: before })))
    expect(fallen.some((what) => what.endsWith('fell'))).toBe(true)
  })
}
