import { OURS } from './contender.ts'
import { barOn, type Scenario } from './scenario.ts'
import { fireAt, LOAD_MS } from './stampede.ts'

const CROWD = 200

export const failingStampede: Scenario = {
  name: 'failing-stampede',
  title: 'A stampede on a key that cannot be loaded',
  about: `One process, ${CROWD} gets at once on a cold key whose load fails after ${LOAD_MS} ms.`,
  cases: [{ name: 'lru-cache.fetch' }, { name: 'layered-loader' }, { name: '@unkey/cache' }, { name: 'bentocache' }, OURS],
  columns: [
    { figure: 'loads', title: 'loads' },
    { figure: 'errors', title: 'errors' },
    { figure: 'lastMs', title: 'last answer after', unit: ' ms' },
  ],
  bars: [
    barOn(
      OURS,
      'loads',
      '1 load, one error for all',
      ({ max }) => max === 1,
      ({ median, max }) => `${median} (most ${max})`,
    ),
  ],
  weight: 1,
  deadlineMs: 30_000,
  mostRuns: 2,
  async measure(one, world) {
    const tiers = one.name === 'lru-cache.fetch' ? 'l1' : 'l1+l2'
    const { loads, errors, lastMs } = await fireAt(one, tiers, world, { key: 'failing', size: CROWD, fails: true })
    return { loads, errors, lastMs }
  },
}
