import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { runCommand, UsageError } from '../dev/command-line.ts'
import { createProgress } from '../dev/progress.ts'
import { chooseRedis } from '../dev/redis-server.ts'
import { installPeers } from './cache/install-peers.ts'
import { machineOf } from './cache/machine.ts'
import { parseBenchOptions, USAGE } from './cache/options.ts'
import { picturesOf } from './cache/picture.ts'
import { runAll } from './cache/run.ts'
import { SCENARIOS } from './cache/scenarios.ts'
import { documentOf, sectionOf, verdictsOf } from './cache/tables.ts'

const RESULTS = new URL('results/', import.meta.url)
const PICTURES = new URL('../docs/pictures/', import.meta.url)

async function main(args: string[]): Promise<void> {
  const options = parseBenchOptions(args)
  if (!options) return void process.stdout.write(USAGE)
  const { say, seconds } = createProgress()
  await chooseRedis('real').catch((cause: unknown) => {
    throw new UsageError('no redis-server or valkey-server on the PATH: apt-get install redis-server, or brew install redis', { cause })
  })
  const versions = await installPeers(say)
  const scenarios = SCENARIOS.filter(({ name }) => options.only?.includes(name) ?? true).map((scenario) =>
    options.ours ? { ...scenario, cases: scenario.cases.filter(({ name }) => name === 'tideline') } : scenario,
  )
  const { results, redisVersion } = await runAll(scenarios, options.runs, say)
  const machine = await machineOf(redisVersion)
  const judged = scenarios.map((scenario, i) => {
    const found = results[i] ?? { name: scenario.name, rows: [], notes: {} }
    return { ...found, bars: verdictsOf(scenario, found), section: sectionOf(scenario, found) }
  })
  const text = documentOf(
    judged.map(({ section }) => section),
    machine,
    versions,
  )
  process.stdout.write(`\n${text}`)
  if (options.only || options.ours) return
  const files: Readonly<Record<string, string>> = {
    [file(RESULTS, 'cache.json')]:
      `${JSON.stringify({ machine, versions, runs: options.runs, scenarios: judged.map(({ section, ...one }) => one) })}\n`,
    [file(RESULTS, 'cache.md')]: text,
    ...picturesOf(results, (name) => file(PICTURES, name)),
  }
  await mkdir(RESULTS, { recursive: true })
  for (const [path, content] of Object.entries(files)) await writeFile(path, content)
  say(`done in ${seconds()} s; written: ${Object.keys(files).join(', ')}`)
}

const file = (folder: URL, name: string): string => fileURLToPath(new URL(name, folder))

// Whoever is told to end takes along what it started.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(130))
await runCommand(main)
