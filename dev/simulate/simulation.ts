import { pulledAmong } from '../../origin/db/simulation.ts'
import { beginAgreement } from './agreement.ts'
import { checkFeeds } from './check.ts'
import { type Measures, READS } from './measures.ts'
import { planOf } from './model.ts'
import { runPlan } from './run.ts'
import { type Summary, summarise } from './summary.ts'
import type { World } from './world.ts'

export interface Settings {
  readonly seed: number
  readonly minutes: number
  readonly speed: number
  readonly readers: number
  /** Feeds to compare at the end. */
  readonly checked: number
  readonly graphName: string
}

interface Hooks {
  readonly signal: AbortSignal
  readonly say: (line: string) => void
  readonly onTick: (elapsedMs: number, measures: Measures) => void
}

/** Runs a plan against a stack, then compares what clients saw with analytics and with a brute-force query. */
export async function simulate(world: World, settings: Settings, { signal, say, onTick }: Hooks): Promise<Summary> {
  const { seed, speed, minutes, checked, graphName } = settings
  const { people, db } = world
  const plan = planOf({ people }, settings)
  const rate = `${plan.sessionsPerS.toFixed(1)} sessions and ${plan.postsPerS.toFixed(1)} posts a second`
  say(
    `${plan.readers.length.toLocaleString('en-US')} readers, ${rate}${plan.scale < 1 ? `, ${plan.scale.toFixed(2)} of what they wish` : ''}`,
  )
  const startedAtMs = Date.now()
  const agree = await beginAgreement(db, Date.now)
  const { measures, sightings, tookMs, ask } = await runPlan({ world, plan, lengthMs: minutes * 60_000, signal, onTick })
  const endedEarly = signal.aborted
  const asked = [...READS, 'probe'] as const
  const all = measures.of([...asked, 'write'])
  const agreement = await agree({ ...all, reads: measures.of(asked).requests })
  const readerIds = plan.readers.slice(0, checked).map((place) => people[place]?.id ?? '')
  say(`comparing ${readerIds.length} feeds with what SQL gives`)
  const check = await checkFeeds({ db, ask, readerIds })
  const pulled = await pulledAmong(
    db,
    sightings.map(({ postId }) => postId),
  )
  return summarise({
    startedAt: new Date(startedAtMs).toISOString(),
    seed,
    speed,
    seconds: tookMs / 1_000,
    endedEarly,
    graph: { name: graphName, users: people.length, follows: world.follows, posts: world.posts },
    readers: plan.readers.length,
    measures,
    sightings: sightings.map((one) => ({ ...one, delivery: pulled.has(one.postId) ? 'pulled' : 'pushed' })),
    agreement,
    check,
  })
}
