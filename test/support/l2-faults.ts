import { FRAME_LENGTH } from '../../contract/l2/value.ts'
import type { Fault, FaultRule } from '../../dev/upstash-facade.ts'
import { mulberry32 } from './random.ts'

/** What may go wrong with L2. */
export interface Illness {
  readonly rule: FaultRule
  /** Its calls fail, so that a breaker opens; otherwise they only answer late, or with nothing of use. */
  readonly fails: boolean
}

const always = (fault: Fault): Illness => ({ rule: () => fault, fails: true })
/** As Upstash refuses, in its own words. */
function refusing(): Illness {
  const refusals = [
    { status: 401, error: 'WRONGPASS invalid or missing auth token' },
    { status: 429, error: 'ERR max requests limit exceeded. Limit: 500000, Usage: 500000. See https://upstash.com/docs for details' },
    { status: 500, error: 'ERR Redis is unreachable' },
  ]
  let calls = 0
  return { rule: () => refusals[calls++ % refusals.length], fails: true }
}
/** Answers with another result than the true one. */
const lying = (fails: boolean, lie: (item: unknown) => unknown): Illness => ({
  rule: () => ({ rewrite: (body) => JSON.stringify(JSON.parse(body, (_, item) => (Array.isArray(item) ? item.map(lie) : item))) }),
  fails,
})
const isText = (item: unknown): item is string => typeof item === 'string'

/** A frame with one of its characters changed, as the seed decides. */
function flipping(seed: number): (item: unknown) => unknown {
  const random = mulberry32(seed)
  return (item) => {
    if (!isText(item) || item.length < FRAME_LENGTH) return item
    const at = Math.floor(random() * FRAME_LENGTH)
    return item.slice(0, at) + String.fromCharCode(0x20 + Math.floor(random() * 0x5f)) + item.slice(at + 1)
  }
}

/** Every illness by what L2 does, from slow to lying. */
export const illnesses = (seed: number): Readonly<Record<string, Illness>> => ({
  'is slow': { rule: () => ({ delayMs: 60 }), fails: false },
  hangs: always({ hang: true }),
  'resets connections': always({ reset: true }),
  'cuts its answers short': always({ rewrite: () => undefined }),
  'answers 401, 429 and 500 by turns': refusing(),
  'answers 503 with a page of HTML': always({ garbage: true, status: 503 }),
  'answers what is not JSON': always({ garbage: true }),
  'answers JSON of another shape': always({ rewrite: () => 'null' }),
  'answers too few items': always({ rewrite: (body) => JSON.stringify({ result: [JSON.parse(body).result].flat().slice(1) }) }),
  'answers numbers for texts': lying(true, () => 7),
  'answers values of another version': lying(false, (item) => (isText(item) ? item.replace(/^1/, '2') : item)),
  'answers values with flipped characters': lying(false, flipping(seed)),
})
