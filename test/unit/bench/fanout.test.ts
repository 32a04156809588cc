import { expect, test } from 'vitest'
import { parseBenchOptions } from '../../../bench/fanout/options.ts'
import { rowsOf } from '../../../bench/fanout/rows.ts'
import { bar, beside, inTurn } from '../../../bench/fanout/scenario.ts'
import { SCENARIOS } from '../../../bench/fanout/scenarios.ts'
import { settings } from '../../../bench/fanout/world.ts'
import { UsageError } from '../../../dev/command-line.ts'

test('the command line names scenarios, rounds and a file, and knows what is no scenario', () => {
  expect(parseBenchOptions(['--help'])).toBeUndefined()
  expect(parseBenchOptions([])).toEqual({ only: undefined, rounds: 5, quick: false, json: undefined })
  const some = parseBenchOptions(['--only', 'entries,queue', '--rounds', '3', '--json', 'figures.json'])
  expect(some).toEqual({ only: ['entries', 'queue'], rounds: 3, quick: false, json: 'figures.json' })
  expect(parseBenchOptions(['--quick'])?.rounds).toBe(1)
  for (const wrong of [['--only', 'entries,nothing'], ['--rounds', '0'], ['--fast'], ['entries']]) {
    expect(() => parseBenchOptions(wrong), wrong.join(' ')).toThrow(UsageError)
  }
})

test('scenarios have names of their own', () => {
  expect(new Set(SCENARIOS.map(({ name }) => name)).size).toBe(SCENARIOS.length)
})

test('forms take turns: none is always first, and each runs once a round', () => {
  expect([0, 1, 2, 3].map((round) => inTurn(['a', 'b', 'c'], round).join(''))).toEqual(['abc', 'bca', 'cab', 'abc'])
})

test('a form is compared with its peer of the same round, whoever ran first', async () => {
  const form = (title: string, peer: string, perS: number) => ({ title, peer, run: async () => ({ perS }) })
  const forms = [form('raw', 'raw', 200), form('ours', 'raw', 150)]
  for (const round of [0, 1]) {
    expect(await beside(forms, round)).toEqual({ raw: { perS: 200, ratio: 1 }, ours: { perS: 150, ratio: 0.75 } })
  }
})

test('a bar is on the median of the rounds, and says nothing of what was not measured', () => {
  const rows = rowsOf(
    [0.8, 0.95, 1].map((ratio) => ({ ours: { ratio } })),
    [],
  )
  const judge = (limit: Parameters<typeof bar>[2]) => bar('ours', 'ratio', limit, 'a bar').judge({ name: 'x', rows, notes: {} })
  expect(judge({ atLeast: 0.9 })).toEqual({ ours: '0.95 (0.8..1)', met: true })
  expect(judge({ atLeast: 0.96 }).met).toBe(false)
  expect(judge({ atMost: 0.95 }).met).toBe(true)
  expect(bar('theirs', 'ratio', { atMost: 1 }, 'a bar').judge({ name: 'x', rows, notes: {} })).toEqual({
    ours: 'not measured',
    met: undefined,
  })
})

test('rounds that failed leave the others in the table, and stand in it', () => {
  const rows = rowsOf([{ ours: { perS: 5 } }, { ours: { perS: 7 } }], ['no answer'])
  expect(rows.map(({ title, failures }) => [title, failures])).toEqual([
    ['ours', []],
    ['failed rounds', ['no answer']],
  ])
})

test('Postgres is as durable as in production, and takes a sixth of the memory', () => {
  expect(settings(24 * 2 ** 30)).toMatchObject({ fsync: 'on', checkpoint_timeout: '15min', max_wal_size: '8GB', shared_buffers: '4096MB' })
  expect(settings(6 * 2 ** 30).shared_buffers).toBe('1024MB')
})
