import { describe, expect, test } from 'vitest'
import { PROTOCOLS } from './protocols.ts'

describe.each(PROTOCOLS)('$name', ({ name, promise, whole }) => {
  test.each(whole)(`${promise}: $name`, { timeout: 600_000 }, ({ name: bounds, run }) => {
    const { states, broken, story } = run()
    expect(broken, story.join('\n')).toBeUndefined()
    process.stdout.write(`${name}, ${bounds}: ${states.toLocaleString('en')} states\n`)
  })
})
