import { parseCount, parseFlags, runCommand } from '../../dev/command-line.ts'
import { bundleWorker } from '../../test/support/bundle.ts'
import { EFFECTS } from '../../test/support/freshness/effects.ts'
import { measure, placesOf, prepare, violationsOf } from '../../test/support/freshness/measure.ts'
import { createCast } from '../../test/support/freshness/people.ts'
import { type Sightings, tookMs } from '../../test/support/freshness/watch.ts'
import { startTestPostgres } from '../../test/support/postgres.ts'
import { startStack } from '../../test/support/stack.ts'

const USAGE = `How soon a write has taken effect in every isolate: what it took away is no longer served, and what the way back brings is served again.
Real workerd, Postgres, Redis and origin, and a replica that lags. Every isolate reads all the time, so that its memory is warm.

  npm run bench:freshness -- [options]

  --lag MS        milliseconds the replica is behind (300)
  --processes N   processes of workerd (2)
  --isolates N    isolates in each (2), and one more for the writer, who insists on its write
  --rounds N      how often each write is done, each time by other people (5)
  --pause MS      milliseconds between two readings of the same place (50)
  --only TEXT     only the writes whose name has this text
  --help          this text

Prints a table: milliseconds from the acknowledgement to the last answer that was not yet so, median and most over isolates, places and rounds.
Ends with 1 where an isolate served something later than 5 s after the acknowledgement, or at all to the writer who sent the version token.
`

async function main(args: string[]): Promise<void> {
  const text = { type: 'string' } as const
  const flags = parseFlags(args, {
    lag: text,
    processes: text,
    isolates: text,
    rounds: text,
    pause: text,
    only: text,
    help: { type: 'boolean' },
  })
  if (flags.help) return void process.stdout.write(USAGE)
  const replicaLagMs = parseCount('--lag', flags.lag ?? '300', 0, 1_000)
  const processes = parseCount('--processes', flags.processes ?? '2', 1, 16)
  const isolates = parseCount('--isolates', flags.isolates ?? '2', 1, 16)
  const rounds = parseCount('--rounds', flags.rounds ?? '5')
  const pauseMs = parseCount('--pause', flags.pause ?? '50', 10, 1_000)
  const effects = EFFECTS.filter(({ name }) => name.includes(flags.only ?? ''))
  const [postgres, bundle] = await Promise.all([startTestPostgres(), bundleWorker()])
  try {
    const stack = await startStack({
      processes,
      isolates: isolates + 1,
      replicaLagMs,
      postgresUrl: postgres.adminUrl,
      workerBundle: bundle.path,
    })
    try {
      const cast = await createCast(stack)
      const places = { ...placesOf(stack.urls, isolates + 1), pauseMs }
      process.stdout.write(
        `${processes * isolates} isolates in ${processes} processes, a replica ${replicaLagMs} ms behind, ${rounds} rounds\n\n`,
      )
      process.stdout.write('| write | gone: median / most | back: median / most |\n| --- | --- | --- |\n')
      for (const effect of effects) {
        const all = await Promise.all(Array.from({ length: rounds }, async () => measure(await prepare(effect, cast, places), places)))
        const gone = all.flatMap((one) => one.gone)
        const back = all.flatMap((one) => one.back ?? [])
        process.stdout.write(`| ${effect.name} | ${toldOf(gone, false)} | ${toldOf(back, true)} |\n`)
        for (const line of [...violationsOf(gone, false), ...violationsOf(back, true), ...all.flatMap(({ own }) => own)]) {
          process.stderr.write(`${effect.name}: ${line}\n`)
          process.exitCode = 1
        }
      }
    } finally {
      await stack.stop()
    }
  } finally {
    await Promise.all([postgres.stop(), bundle.remove()])
  }
}

function toldOf(sightings: readonly Sightings[], shown: boolean): string {
  const took = sightings.map((one) => tookMs(one, shown)).sort((a, b) => a - b)
  const at = (place: number): string => `${Math.round(took[Math.floor(place)] ?? 0).toLocaleString('en')} ms`
  return took.length === 0 ? '–' : `${at(took.length / 2)} / ${at(took.length - 1)}`
}

await runCommand(main)
