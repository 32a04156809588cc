import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createMemo } from '../../../../worker/feed/memo.ts'

test('what is asked for stays, what is not goes with its generation', () => {
  const memo = createMemo<number>(16_000)
  memo.set('asked for', 1, 100)
  memo.set('forgotten', 2, 100)
  for (let i = 0; i < 200; i++) {
    memo.set(`other ${i}`, i, 100)
    expect(memo.get('asked for')).toBe(1)
  }
  expect(memo.get('forgotten')).toBeUndefined()
})

test('it never answers anything but what was set last, and never more than its budget', () =>
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 1_200 })), { maxLength: 300 }), (sets) => {
      const memo = createMemo<number>(16_000)
      const last = new Map<string, { readonly value: number; readonly bytes: number }>()
      for (const [i, [name, bytes]] of sets.entries()) {
        memo.set(String(name), i, bytes)
        last.set(String(name), { value: i, bytes })
        const known = [...last].filter(([text, { value }]) => {
          const found = memo.get(text)
          expect([undefined, value]).toContain(found)
          return found !== undefined
        })
        expect(known.reduce((sum, [, one]) => sum + one.bytes, 0)).toBeLessThanOrEqual(16_000)
      }
    }),
  ))

test('what is larger than a sixteenth is not kept, and what was there under its name is not answered any more', () => {
  const memo = createMemo<number>(16_000)
  memo.set('name', 1, 100)
  memo.set('name', 2, 1_000)
  expect(memo.get('name')).toBeUndefined()
})
