import { parseFlags, runCommand, UsageError } from '../../dev/command-line.ts'
import type { Explored } from './explore.ts'
import { PROTOCOLS } from './protocols.ts'

const USAGE = `Usage: node test/model/stories.ts [--whole] [--only NAME]

Walks the protocol model (docs/architecture.md, The model) and tells for each rule the shortest story of what happens without it.

  --whole      also walk the larger bounds of npm run test:long
  --only NAME  of one part
  --help       show this`

const told = ({ states, broken, story }: Explored): string =>
  broken === undefined
    ? `${states.toLocaleString('en')} states, all well`
    : `after ${states.toLocaleString('en')} states: ${broken}\n${story.map((line) => `      ${line}`).join('\n')}`

await runCommand(async (args) => {
  if (args.includes('--help')) return console.log(USAGE)
  const { whole: alsoWhole, only } = parseFlags(args, { whole: { type: 'boolean' }, only: { type: 'string' } })
  const chosen = PROTOCOLS.filter(({ name }) => only === undefined || name === only)
  if (chosen.length === 0) throw new UsageError(`--only is one of ${PROTOCOLS.map(({ name }) => name).join(', ')}`)
  for (const { name, promise, quick, whole, removals, harmless } of chosen) {
    console.log(`${name}: ${promise}`)
    for (const walk of [...quick, ...(alsoWhole ? whole : [])]) console.log(`  ${walk.name}: ${told(walk.run())}`)
    for (const walk of removals) console.log(`  without "${walk.name}" ${told(walk.run())}`)
    for (const walk of harmless) console.log(`  without "${walk.name}" alone: ${told(walk.run())}`)
  }
})
