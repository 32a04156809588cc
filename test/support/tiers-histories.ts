import fc from 'fast-check'
import type { Database } from '../../origin/db/client.ts'
import { createTiersWorld, type Defect, type TiersWorld } from './tiers-world.ts'

interface Step {
  readonly told: string
  run(world: TiersWorld): Promise<unknown>
  toString(): string
}
const step = (told: string, run: Step['run']): Step => ({ told, run, toString: () => told })

const viewer = fc.nat({ max: 2 })
/** Mostly the one who comes and goes. */
const author = fc.constantFrom(0, 0, 0, 1)
const both = fc.tuple(viewer, author)

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: author.map((a) => step(`author ${a} posts`, (world) => world.post(a))) },
  { weight: 1, arbitrary: fc.nat({ max: 20 }).map((n) => step(`post ${n} is deleted`, (world) => world.remove(n))) },
  { weight: 2, arbitrary: both.map(([v, a]) => step(`viewer ${v} follows ${a}`, (world) => world.follow(v, a))) },
  { weight: 2, arbitrary: both.map(([v, a]) => step(`the follow of ${a} by ${v} is settled`, (world) => world.settle(v, a))) },
  { weight: 1, arbitrary: both.map(([v, a]) => step(`viewer ${v} unfollows ${a}`, (world) => world.unfollow(v, a))) },
  { weight: 1, arbitrary: viewer.map((v) => step(`viewer ${v} goes dormant`, (world) => world.retire(v))) },
  { weight: 3, arbitrary: viewer.map((v) => step(`the rows of viewer ${v} are written`, (world) => world.rebuild(v))) },
  { weight: 4, arbitrary: viewer.map((v) => step(`viewer ${v} reads, by a fill`, (world) => world.fill(v))) },
  { weight: 2, arbitrary: fc.constant(step('crowd is read', (world) => world.refreshCrowd())) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom('few', 'some', 'many')
      .map((size) => step(`author 0 has ${size} followers`, (world) => world.setFollowers(size))),
  },
  { weight: 4, arbitrary: fc.constant(step('the tiers take a step', (world) => world.step())) },
  { weight: 3, arbitrary: fc.constant(step('most of a life passes', (world) => world.pass())) },
)

/** Everybody follows author 0 and has read; the author is pulled, has posted, and is about to be demoted. */
async function begin(world: TiersWorld): Promise<void> {
  for (const one of [0, 1, 2]) {
    await world.follow(one, 0)
    await world.settle(one, 0)
    await world.fill(one)
    await world.rebuild(one)
  }
  await world.setFollowers('many')
  await world.step()
  for (const _ of [0, 1]) {
    await world.pass()
    await world.pass()
    await world.step()
  }
  for (const one of [0, 1, 2]) await world.fill(one)
  await world.post(0)
  await world.post(0)
  await world.pass()
  await world.pass()
  await world.setFollowers('few')
}

/** A hole stays for a while: what is checked at every third step runs three times as many histories. */
const CHECK_EVERY = 3

/** However posts, follows, returns and changes of an author's tier interleave, no reader misses a post. */
export async function runTiersHistories(db: Database, options: { runs: number; seed: number; defect?: Defect; minSteps: number }) {
  const property = fc.asyncProperty(fc.array(anyStep, { minLength: options.minSteps, maxLength: 60 }), async (steps) => {
    const world = await createTiersWorld(db, options.defect)
    await begin(world)
    await world.check()
    for (const [place, one] of steps.entries()) {
      await one.run(world)
      if (place % CHECK_EVERY === 0) await world.check()
    }
    await world.check()
  })
  return fc.check(property, { numRuns: options.runs, seed: options.seed, ...(options.defect ? { endOnFailure: true } : {}) })
}
