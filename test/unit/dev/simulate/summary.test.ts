import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createMeasures, type Kind } from '../../../../dev/simulate/measures.ts'
import { pictureOf } from '../../../../dev/simulate/picture.ts'
import { type PostSighting, type Results, summarise } from '../../../../dev/simulate/summary.ts'
import { summaryText } from '../../../../dev/simulate/summary-text.ts'

const kinds: readonly Kind[] = ['open', 'scroll', 'refresh', 'author', 'post', 'write', 'probe', 'check']
const counts = fc.record({ memory: fc.nat(200), shared: fc.nat(200), origin: fc.nat(200) })
const request = fc.record({
  kind: fc.constantFrom(...kinds),
  atMs: fc.nat(120_000),
  tookMs: fc.double({ min: 0, max: 20_000, noNaN: true }),
  problem: fc.option(fc.constantFrom('gone', 'overloaded'), { nil: undefined, freq: 5 }),
  layers: fc.option(counts, { nil: undefined }),
  degraded: fc.subarray(['stale', 'l2-unavailable']),
  originWaits: fc.nat(3),
})
const sighting: fc.Arbitrary<PostSighting> = fc.record({
  postId: fc.constant('1'),
  postedAtS: fc.double({ min: 0, max: 120, noNaN: true }),
  seenAfterMs: fc.option(fc.double({ min: 0, max: 15_000, noNaN: true }), { nil: undefined, freq: 5 }),
  delivery: fc.constantFrom('pushed', 'pulled'),
})
const results: fc.Arbitrary<Results> = fc
  .record({
    requests: fc.array(request, { maxLength: 60 }),
    sightings: fc.array(sighting, { maxLength: 10 }),
    name: fc.string({ unit: 'binary', maxLength: 60 }),
    seconds: fc.nat(7_200),
    agreed: fc.boolean(),
  })
  .map(({ requests, sightings, name, seconds, agreed }) => {
    const measures = createMeasures(2_000)
    for (const one of requests) measures.note(one)
    return { ...quiet, seconds, graph: { ...quiet.graph, name }, measures, sightings, agreement: agreed ? agreement : undefined }
  })
const agreement = {
  clients: { memory: 1, shared: 0, origin: 0 },
  analytics: { memory: 1, shared: 0, origin: 0 },
  differencePoints: 0,
  missingPoints: 0,
  originLoadsPer1000Reads: 12,
}
/** A run in which nothing happened. */
const quiet: Results = {
  startedAt: '2026-11-21T12:00:00.000Z',
  seed: 1,
  seconds: 60,
  speed: 30,
  endedEarly: false,
  graph: { name: 'graph', users: 5, follows: 4, posts: 3 },
  readers: 2,
  measures: createMeasures(2_000),
  sightings: [],
  agreement: undefined,
  check: { readers: 2, pages: 2, lines: 3, settledAfterMs: 5, differences: [] },
}

/** Throws where a document is not well-formed XML: tags that do not pair, attributes without quotes, stray characters. */
function assertWellFormed(xml: string): void {
  const open: string[] = []
  const token = /<(\/?)([a-z]+)((?:\s+[\w:-]+="[^"<&]*(?:&\w+;[^"<&]*)*")*)\s*(\/?)>|([^<&]|&(?:amp|lt|gt|quot);)+/giy
  let at = 0
  while (at < xml.trimEnd().length) {
    token.lastIndex = at
    const match = token.exec(xml)
    if (!match) throw new Error(`not well-formed: ${xml.slice(at, at + 80)}`)
    const [, closes, name, , empty] = match
    if (name && closes && open.pop() !== name) throw new Error(`</${name}> closes nothing`)
    if (name && !closes && !empty) open.push(name)
    at = token.lastIndex
  }
  if (open.length > 0) throw new Error(`left open: ${open}`)
}

describe('whatever happened', () => {
  test('the picture is well-formed, holds no figure that is none, and names nothing outside', () => {
    fc.assert(
      fc.property(results, (some) => {
        const svg = pictureOf(summarise(some))
        assertWellFormed(svg)
        expect(svg).not.toMatch(/NaN|undefined|Infinity|null/)
        expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|href|url\(/)
      }),
      { numRuns: 60 },
    )
  })

  test('the summary is the same after it was written as JSON, and its text has no figure that is none', () => {
    fc.assert(
      fc.property(results, (some) => {
        const summary = summarise({ ...some, graph: quiet.graph })
        expect(JSON.stringify(summary)).not.toContain('null')
        expect(JSON.parse(JSON.stringify(summary))).toEqual(summary)
        expect(summaryText(summary)).not.toMatch(/NaN|undefined|Infinity/)
      }),
      { numRuns: 60 },
    )
  })
})

describe('a run fails', () => {
  test('not when nothing went wrong', () => {
    expect(summarise({ ...quiet, agreement }).failures).toEqual([])
  })

  const differences = [{ reader: '1', line: 0, expected: 'a', seen: 'b' }]
  const measures = createMeasures(2_000)
  measures.note({ kind: 'open', atMs: 0, tookMs: 1, problem: 'overloaded', degraded: [], originWaits: 0 })
  test.each<[string, Partial<Results>]>([
    ['1 requests were answered with an error, or not at all', { measures }],
    [
      '1 posts were not seen by the follower who watched for them',
      { sightings: [{ postId: '1', postedAtS: 0, seenAfterMs: undefined, delivery: 'pushed' }] },
    ],
    ['fan-out was not done in time', { check: { ...quiet.check, settledAfterMs: undefined } }],
    ['1 feeds differ from what a brute-force SQL query gives', { check: { ...quiet.check, differences } }],
    ['2 data points of analytics are missing', { agreement: { ...agreement, missingPoints: 2 } }],
    ['clients and analytics differ by 0.20 points', { agreement: { ...agreement, differencePoints: 0.2 } }],
  ])('%s', (failure, changed) => {
    expect(summarise({ ...quiet, agreement, ...changed }).failures).toEqual([failure])
  })
})
