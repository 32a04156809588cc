import { mulberry32 } from '../../support/random.ts'
import type { Blow } from './conductor.ts'

/** Blows without end, a function of their seed. */
export function* blowsOf(seed: number): Generator<Blow> {
  const random = mulberry32(seed)
  const below = (n: number): number => Math.floor(random() * n)
  const kinds: readonly (() => Blow)[] = [
    () => ({ does: 'kill origin process', place: below(2) }),
    () => ({ does: 'kill origin process', place: below(2) }),
    () => ({ does: 'Redis restarts', from: below(3_000) }),
    () => ({ does: 'Redis restarts', from: below(300) }),
    () => ({ does: 'restart edge', place: below(2) }),
    () => ({ does: 'flush Redis' }),
    () => ({ does: 'replica lag', ms: [0, 100, 300][below(3)] ?? 0 }),
  ]
  for (;;) {
    const blow = kinds[below(kinds.length)]?.()
    if (blow) yield blow
  }
}
