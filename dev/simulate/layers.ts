/** Values that an answer was made of, by the layer they came from. */
export interface Layers {
  readonly memory: number
  readonly shared: number
  readonly origin: number
}

export const NO_LAYERS: Layers = { memory: 0, shared: 0, origin: 0 }

export const addLayers = (a: Layers, b: Layers): Layers => ({
  memory: a.memory + b.memory,
  shared: a.shared + b.shared,
  origin: a.origin + b.origin,
})

/** Each layer's share of all values, 0 where there are none. */
export function sharesOf({ memory, shared, origin }: Layers): Layers {
  const all = memory + shared + origin || 1
  return { memory: memory / all, shared: shared / all, origin: origin / all }
}

/** What `Cache-Status` says in its detail; undefined where it is not ours. */
export function parseCacheStatus(header: string | null): Layers | undefined {
  const [, memory, shared, origin] = /detail="memory=(\d+) shared=(\d+) origin=(\d+)/.exec(header ?? '') ?? []
  return origin === undefined ? undefined : { memory: Number(memory), shared: Number(shared), origin: Number(origin) }
}

/** How often a request waited for the origin, as `Server-Timing` tells it. Work behind an answer is not among it. */
export const countOriginWaits = (header: string | null): number => header?.match(/(?:^|,)\s*origin\s*;/g)?.length ?? 0
