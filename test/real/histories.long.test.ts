import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { historyOf } from '../histories/history.ts'
import { blowsOf } from '../histories/real/blows.ts'
import { explain, playMany } from '../histories/real/many.ts'
import { type Parts, startParts } from '../histories/real/parts.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
/** Of each setting. */
const HISTORIES = Number(process.env.HISTORIES ?? 1_000)
const AT_ONCE = 80
const PACE = { speed: 10, longestMs: 6_000 }
/** Between two blows all must be well for longer than anything may be late. */
const QUIET_MS = 12_000
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

let parts: Parts
const startBefore = (scale: Parameters<typeof startParts>[0]) => {
  beforeAll(async () => {
    parts = await startParts(scale)
  }, 60_000)
  afterAll(() => parts?.stop(), 60_000)
}

describe.each([
  ['timelines live for seconds and authors of three followers are pulled', 1, { timelineMs: 15_000, crowd: 3, replicaLagMs: 100 }],
  ['timelines live as long as in production and nobody is crowded', 2, { timelineMs: DAY_MS, crowd: 1_000, replicaLagMs: 300 }],
])('where %s', (_, nth, scale) => {
  startBefore(scale)

  test(
    'every page of every history is as promised, through all that may go wrong',
    async () => {
      const seed = SEED + nth * 1_000_000
      const histories = Array.from({ length: HISTORIES }, (_unused, i) => historyOf(seed + i))
      const { outcomes, told } = await playMany(parts, {
        histories,
        atOnce: AT_ONCE,
        pace: PACE,
        blows: () => blowsOf(seed),
        quietMs: QUIET_MS,
      })
      console.log(`seed ${seed}: ${told}`)
      const broken = outcomes.filter((one) => one.broken !== undefined)
      const [first] = broken
      const history = histories.find((one) => one.seed === first?.seed)
      if (first && history)
        expect.fail(`${broken.length} broke: ${broken.map((one) => one.seed)}\n${await explain(parts, history, first, PACE)}`)
    },
    HOUR_MS,
  )
})

describe('where writes are not told to L2', () => {
  startBefore({ timelineMs: DAY_MS, crowd: 1_000, replicaLagMs: 0 })

  test('histories break', async () => {
    await parts.stack.db.execute(sql`create function forget() returns trigger language plpgsql as $$ begin return null; end $$`)
    await parts.stack.db.execute(sql`
      create trigger forget before insert on invalidations for each row when (new.key like 'po:%') execute function forget()`)
    const histories = Array.from({ length: 30 }, (_, i) => historyOf(SEED + i))
    const { outcomes } = await playMany(parts, { histories, atOnce: 30, pace: PACE, blows: () => [], quietMs: 0 })
    const broken = outcomes.flatMap((one) => one.broken ?? [])
    console.log(`${broken.length} of ${outcomes.length} break: ${broken[0]}`)
    expect(broken.join()).toContain('is shown, and must not be')
  }, 600_000)
})
