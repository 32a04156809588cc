import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { MAX_RECORDED, MAX_TAIL, SCRIPTS } from '../../../../contract/l2/scripts.ts'

describe.each(Object.values(SCRIPTS))('$name', ({ name, text, sha }) => {
  test('its sha is the SHA-1 of its text', () => {
    expect(sha).toBe(createHash('sha1').update(text).digest('hex'))
  })

  test('it lets Upstash lock its keys alone', () => {
    expect(text.split('\n')[0]).toBe('#!lua flags=allow-key-locking')
  })

  test('it names no key that is not declared, and never unpacks a chunk onto the stack of Lua', () => {
    expect(text).not.toMatch(/unpack|KEYS\s*\.\.|\.\.\s*KEYS|SCAN|FLUSH/)
    for (const [, key] of text.matchAll(/redis\.call\('[A-Z]+', ([^,)]+)/g)) expect(['key', 'lease', 'KEYS[#KEYS]'], name).toContain(key)
  })
})

test('what a fill brings along never makes a value stale at once', () => {
  expect(MAX_RECORDED).toBeLessThanOrEqual(MAX_TAIL)
})

test('the counts fit their fields: two digits in a lease, three in a frame', () => {
  expect(MAX_RECORDED).toBeLessThan(100)
  expect(2 * MAX_TAIL + 1).toBeLessThan(1_000)
})
