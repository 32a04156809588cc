import { startWorkerd } from '../../test/support/workerd.ts'
import { firstPage, type World } from './world.ts'

/** Isolates that have never answered, each asked twice. */
const ISOLATES = 10

/** One run: pages of a reader of twenty crowded authors from isolates whose memory holds nothing, and again from the same ones. Maxima. */
export async function countRoundTrips(world: World, bundle: string): Promise<Readonly<Record<string, number>>> {
  const { stack } = world
  const bindings = { ...stack.bindings, MEMORY_BYTES: String(48 * 1024 * 1024) }
  const edge = await startWorkerd({ bundle, bindings, isolates: ISOLATES })
  const [reader] = world.present
  if (!reader) throw new Error('nobody reads')
  try {
    const cost = async (url: string) => {
      stack.facade.stats.reset()
      const { fromOrigin } = await firstPage(url, reader)
      return { reads: stack.facade.stats.byCommand.MGET ?? 0, fromOrigin }
    }
    await firstPage(stack.urls[0] ?? '', reader)
    const most = { cold: 0, warm: 0, fromOrigin: 0 }
    for (const url of edge.urls) {
      const cold = await cost(url)
      const warm = await cost(url)
      most.cold = Math.max(most.cold, cold.reads)
      most.warm = Math.max(most.warm, warm.reads)
      most.fromOrigin = Math.max(most.fromOrigin, cold.fromOrigin, warm.fromOrigin)
    }
    return {
      'round trips to L2, memory cold': most.cold,
      'round trips to L2, memory warm': most.warm,
      'parts waited for from the origin': most.fromOrigin,
    }
  } finally {
    await edge.stop()
  }
}
