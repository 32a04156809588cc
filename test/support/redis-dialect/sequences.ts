import fc from 'fast-check'
import { anyEnd, anyRequest } from './commands.ts'
import { anyEval } from './lua.ts'
import { anyScriptRun } from './scripts.ts'
import type { Step } from './step.ts'

const words = (one: fc.Arbitrary<readonly string[]>): fc.Arbitrary<Step> => one.map((words) => ({ words }))

/** What may happen to a server: commands, programs, our scripts, and keys that end. */
export const anySequence: fc.Arbitrary<Step[]> = fc.oneof(
  fc.array(fc.oneof({ arbitrary: anyRequest, weight: 12 }, { arbitrary: words(anyEval), weight: 6 }, { arbitrary: anyEnd, weight: 1 }), {
    minLength: 1,
    maxLength: 16,
  }),
  fc.array(
    fc.oneof(
      { arbitrary: words(anyScriptRun), weight: 16 },
      fc.constantFrom('tl:1', 'ls:tl:1', 'ls:tl:2').map((ends) => ({ ends })),
    ),
    {
      minLength: 1,
      maxLength: 16,
    },
  ),
)
