import { expect, test } from 'vitest'
import { knownMigrations, pendingMigrations } from '../../../origin/migrations.ts'

const known = [
  { tag: '0001_one', when: 10 },
  { tag: '0002_two', when: 20 },
]

test('a database lacks what is newer than its newest migration; what it has beyond ours is no lack', () => {
  expect(pendingMigrations(known, [])).toEqual(known)
  expect(pendingMigrations(known, [10])).toEqual([known[1]])
  expect(pendingMigrations(known, [10, 20])).toEqual([])
  expect(pendingMigrations(known, [10, 20, 30])).toEqual([])
})

test('the journal names the migrations in their order', () => {
  const moments = knownMigrations().map(({ when }) => when)
  expect(moments.length).toBeGreaterThan(0)
  expect(moments).toEqual([...moments].sort((a, b) => a - b))
})
