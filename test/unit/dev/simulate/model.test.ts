import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { newPostSchema } from '../../../../contract/post.ts'
import { type Action, type PlanOptions, planOf, rateOfDay } from '../../../../dev/simulate/model.ts'
import { STEPS_PER_SESSION } from '../../../../dev/simulate/session.ts'

const options: PlanOptions = { seed: 1, minutes: 10, speed: 30, readers: 500 }
/** A thousand people of whom the first are followed most. */
const people = Array.from({ length: 1_000 }, (_, place) => ({ followers: Math.floor(2_000 / (place + 1)), followees: place % 10 }))
const actionsOf = (changed: Partial<PlanOptions> = {}): Action[] => [...planOf({ people }, { ...options, ...changed }).actions()]

const sessionsOf = (actions: readonly Action[]) => actions.flatMap((action) => (action.type === 'session' ? [action] : []))
const postsOf = (actions: readonly Action[]) => actions.flatMap((action) => (action.type === 'post' ? [action] : []))

describe('the plan', () => {
  test('is the same for the same seed, however often it is read, and another for another seed', () => {
    const plan = planOf({ people }, options)
    expect([...plan.actions()]).toEqual([...plan.actions()])
    expect(actionsOf()).toEqual(actionsOf())
    expect(actionsOf({ seed: 2 })).not.toEqual(actionsOf())
  })

  test('has actions in order, within the run, by people who may do them, as the contract allows', () => {
    const population = fc.array(fc.record({ followers: fc.nat(1e6), followees: fc.nat(3) }), { minLength: 1, maxLength: 50 })
    const any = fc.record({
      seed: fc.nat(2 ** 32 - 1),
      minutes: fc.double({ min: 0.05, max: 3, noNaN: true }),
      speed: fc.double({ min: 0.1, max: 1_440, noNaN: true }),
      readers: fc.integer({ min: 1, max: 100 }),
    })
    fc.assert(
      fc.property(population, any, (some, wanted) => {
        fc.pre(some.some(({ followees }) => followees > 0))
        const plan = planOf({ people: some }, wanted)
        expect(new Set(plan.readers).size).toBe(plan.readers.length)
        expect(plan.readers.length).toBeLessThanOrEqual(wanted.readers)
        let lastMs = 0
        for (const action of plan.actions()) {
          expect(action.atMs).toBeGreaterThanOrEqual(lastMs)
          expect(action.atMs).toBeLessThan(wanted.minutes * 60_000)
          lastMs = action.atMs
          if (action.type === 'post') {
            expect(some[action.author]).toBeDefined()
            expect(newPostSchema.safeParse({ text: action.text }).success).toBe(true)
            expect(action.deletedAfterMs ?? 0).toBeGreaterThanOrEqual(0)
          } else {
            expect(plan.readers).toContain(action.reader)
            expect(some[action.reader]?.followees).toBeGreaterThan(0)
            expect(action.steps[0]).toMatchObject({ act: 'open', pauseMs: 0 })
            for (const { pauseMs, pick } of action.steps) expect(pauseMs >= 0 && pick >= 0 && pick < 1).toBe(true)
          }
        }
      }),
      { numRuns: 60 },
    )
  })

  test('has the rates it says: sessions, posts, and steps of a session', () => {
    // From 16:00 on for 24 simulated hours, so that the evening's peak and the night cancel out.
    const plan = planOf({ people }, { ...options, minutes: 48 })
    const actions = [...plan.actions()]
    const sessions = sessionsOf(actions)
    const near = (found: number, expected: number) => expect(Math.abs(found - expected)).toBeLessThan(5 * Math.sqrt(expected))
    near(sessions.length, plan.sessionsPerS * 48 * 60)
    near(postsOf(actions).length, plan.postsPerS * 48 * 60)
    const steps = sessions.reduce((sum, session) => sum + session.steps.length, 0)
    expect(steps / sessions.length).toBeCloseTo(STEPS_PER_SESSION, 0)
  })

  test('gives a few readers and authors most of the activity', () => {
    const busiest = (places: readonly number[], share: number) => {
      const counts = [...Map.groupBy(places, (place) => place).values()].map((same) => same.length).sort((a, b) => b - a)
      return counts.slice(0, Math.ceil(share * counts.length)).reduce((sum, count) => sum + count, 0) / places.length
    }
    const actions = actionsOf({ minutes: 120 })
    const authors = postsOf(actions).map(({ author }) => author)
    expect(busiest(authors, 0.1)).toBeGreaterThan(0.35)
    expect(
      busiest(
        sessionsOf(actions).map(({ reader }) => reader),
        0.1,
      ),
    ).toBeGreaterThan(0.25)
    const ofTheFirstHundred = authors.filter((author) => author < 100).length
    expect(ofTheFirstHundred / authors.length).toBeGreaterThan(0.2) // they have more followers
  })

  test('never expects more than 60 requests a second, at the peak of the evening, and says by how much it cut', () => {
    const plan = planOf({ people }, { ...options, speed: 1_440 })
    expect(plan.scale).toBeLessThan(1)
    expect((plan.sessionsPerS * STEPS_PER_SESSION + plan.postsPerS) * rateOfDay(20)).toBeCloseTo(60, 6)
    expect(planOf({ people }, options).scale).toBe(1)
  })

  test('refuses a graph in which nobody follows anybody', () => {
    expect(() => planOf({ people: [{ followers: 0, followees: 0 }] }, options)).toThrow('nobody follows anybody')
  })
})
