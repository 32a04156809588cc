import type { Command, CommandTable, Context } from '../command.ts'
import { control } from '../command.ts'
import { type Call, noScript, type Scripts } from '../lua/scripts.ts'
import { type Bytes, CommandError, OK, parseInt64, type Reply } from '../reply.ts'

/** EVAL and its kin. `call` runs a command for a script. */
export function scripting(scripts: Scripts, call: (context: Context) => Call): CommandTable {
  const evaluate = (shaOf: (text: Bytes) => Bytes | undefined, readOnly: boolean): Command =>
    control(-3, ([text = '', count = '', ...rest], context): Reply => {
      const sha = shaOf(text)
      const keys = parseInt64(count)
      if (keys > rest.length) throw new CommandError("ERR Number of keys can't be greater than number of args")
      if (keys < 0n) throw new CommandError("ERR Number of keys can't be negative")
      const split = Number(keys)
      return scripts.run(sha ?? scripts.load(text), { keys: rest.slice(0, split), argv: rest.slice(split), readOnly, call: call(context) })
    })
  const byText = () => undefined
  const bySha = (sha: Bytes) => {
    if (sha.length !== 40) throw noScript() // before the keys are counted
    return sha
  }
  return {
    eval: evaluate(byText, false),
    eval_ro: evaluate(byText, true),
    evalsha: evaluate(bySha, false),
    evalsha_ro: evaluate(bySha, true),
    script: {
      arity: -2,
      subcommands: {
        load: control(3, ([text = '']) => scripts.load(text)),
        exists: control(-3, (shas) => shas.map((sha) => (scripts.has(sha) ? 1 : 0))),
        flush: control(-2, (options) => {
          if (options.length > 1 || !options.every((option) => /^a?sync$/i.test(option))) {
            throw new CommandError('ERR SCRIPT FLUSH only support SYNC|ASYNC option')
          }
          scripts.flush()
          return OK
        }),
        kill: control(2, () => {
          throw new CommandError('NOTBUSY No scripts in execution right now.') // one runs to its end before anybody is heard
        }),
      },
    },
  }
}
