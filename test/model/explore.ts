import { hash } from 'node:crypto'

/** A system whose every interleaving is walked. States are plain data that is never changed in place. */
export interface Model<S> {
  readonly start: S
  /** All that can happen next, each with a line of the story. */
  steps(state: S): Iterable<readonly [line: string, next: S]>
  /** What is wrong with a state; undefined where every promise holds. */
  broken(state: S): string | undefined
}

export interface Explored {
  /** How many different states there are, or were met before the first broken one. */
  readonly states: number
  readonly broken: string | undefined
  /** The shortest way to the broken state. */
  readonly story: readonly string[]
}

/** A model that grew beyond its bounds is a mistake of whoever wrote it. */
const MOST_STATES = 6_000_000

/** States are told apart by 128 bits of their JSON. Every state of a model names its fields in the same order, because each is a spread of another. */
const keyOf = (state: unknown): string => hash('md5', JSON.stringify(state), 'base64')

/** Walks all states breadth first, so that the story of a broken one is as short as any. */
export function explore<S>({ start, steps, broken }: Model<S>): Explored {
  const seen = new Set([keyOf(start)])
  const from: number[] = [-1]
  const lines: string[] = ['']
  let wave: readonly S[] = [start]
  let first = 0
  const storyOf = (place: number): string[] => {
    const story: string[] = []
    for (let at = place; at > 0; at = from[at] ?? -1) story.unshift(lines[at] ?? '')
    return story
  }
  const wrong = broken(start)
  if (wrong !== undefined) return { states: 1, broken: wrong, story: [] }
  while (wave.length > 0) {
    const next: S[] = []
    for (const [i, state] of wave.entries()) {
      for (const [line, reached] of steps(state)) {
        const key = keyOf(reached)
        if (seen.has(key)) continue
        seen.add(key)
        from.push(first + i)
        lines.push(line)
        const why = broken(reached)
        if (why !== undefined) return { states: seen.size, broken: why, story: storyOf(from.length - 1) }
        next.push(reached)
      }
    }
    if (seen.size > MOST_STATES) throw new Error(`more than ${MOST_STATES} states`)
    first += wave.length
    wave = next
  }
  return { states: seen.size, broken: undefined, story: [] }
}
