import { bar, type Scenario } from './scenario.ts'
import { drainWith, enqueue, realDelivery } from './sides.ts'

const BIG = 'authors of 5,000 to 10,000 followers'
const SMALL = 'authors of 30 to 150 followers, in batches'

export const calls: Scenario = {
  name: 'calls',
  title: 'Calls to L2',
  about:
    'HTTP requests that the façade counted while one worker drained a queue, per 1,000 entries it pushed. A lone post of a small author is a call of its own: a bar on throughput, not on the quiet hour.',
  columns: [{ figure: 'per1000', title: 'calls per 1,000 entries' }],
  bars: [bar(BIG, 'per1000', { atMost: 2 }, 'big authors: at most 2'), bar(SMALL, 'per1000', { atMost: 2 }, 'small authors: at most 2')],
  mostRounds: 1,
  async open(world) {
    const graph = await world.graph()
    await graph.fillL2()
    const pool = graph.connect(4, false)
    const delivery = realDelivery(pool.db, world.store)
    async function measure(authors: readonly bigint[]) {
      await enqueue(pool.db, authors, graph.nextId)
      const before = await world.store.sent()
      const entries = await drainWith(pool.db, delivery, 1)
      const { requests } = await world.store.sent()
      await graph.clearQueue()
      return { per1000: ((requests - before.requests) / entries) * 1_000 }
    }
    return {
      round: async () => ({
        [BIG]: await measure(graph.authors.big.slice(0, 20)),
        [SMALL]: await measure(graph.authors.small.slice(0, 2_000)),
      }),
      close: () => pool.close(),
    }
  },
}
