import { expect, test } from 'vitest'
import { expectFound, expectNoneBroken, historiesOr } from '../histories/hold.ts'
import { hunt } from '../histories/hunt.ts'
import { explain } from '../histories/run.ts'
import type { Plant } from '../histories/twin/plants.ts'

/** A history takes some 20 ms of a core. */
const HISTORIES = historiesOr(300)

test(
  'whatever happens, no entry is missing, doubled or misplaced, and nobody sees what is not theirs',
  () => expectNoneBroken(HISTORIES),
  120_000,
)

/** Those that are found within the first few histories; all are looked for by `npm run test:long`. */
const SOON: readonly Plant[] = [
  'lost push',
  'memory inherits the shared life',
  'floor ignored',
  'tie dropped',
  'fold by page',
  'history unfolded',
  'token ignored',
  'relation not checked',
  'mutes not filtered',
]

test.each(SOON)('a planted bug is found: %s', (plant) => expectFound(plant, 200), 120_000)

test('a failure is a short story that names its seed', async () => {
  const { found } = await hunt({ from: 1, count: 200, plant: 'lost push' })
  expect(found).toBeDefined()
  const story = await explain(found ?? 0, 'lost push')
  expect(story).toMatch(/^history \d+ with “lost push”: .*“.*” \(\d{19}\) is missing from page \d+\n/)
  expect(story.split('\n').length).toBeLessThan(30)
}, 120_000)
