import { describe, expect, test } from 'vitest'
import { PROTOCOLS } from './protocols.ts'

/** The fewest states a walk of these bounds has: a model that cannot move would hold every promise. */
const FEWEST_STATES = 500

describe.each(PROTOCOLS)('$name', ({ name, promise, quick, removals, harmless }) => {
  test.each(quick)(`${promise}: $name`, ({ name: bounds, run }) => {
    const { states, broken, story } = run()
    expect(broken, story.join('\n')).toBeUndefined()
    expect(states).toBeGreaterThan(FEWEST_STATES)
    process.stdout.write(`${name}, ${bounds}: ${states.toLocaleString('en')} states\n`)
  })

  test.each(removals)('it breaks without: $name', ({ run }) => {
    const { broken, story } = run()
    expect(broken).toBeDefined()
    expect(story.length).toBeGreaterThan(1)
  })

  if (harmless.length > 0)
    test.each(harmless)('a second fence holds without: $name', ({ run }) => {
      const { broken, story } = run()
      expect(broken, story.join('\n')).toBeUndefined()
    })
})
