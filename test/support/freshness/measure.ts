import type { Cast } from './people.ts'
import type { Effect } from './scenes.ts'
import { brokenBy, byCookie, byHeader, PROMISED_MS, type Sightings, shows, tookMs, untilAll, type Watching, watch } from './watch.ts'

/** What became of one effect: the sightings of every look by every isolate. */
export interface Measured {
  readonly name: string
  readonly gone: readonly Sightings[]
  /** Of the way back, where there is one. */
  readonly back: readonly Sightings[] | undefined
}

/** Sets an effect's stage, warms every isolate, and watches it happen, and its way back. */
export async function measure({ name, stage }: Effect, cast: Cast, watching: Omit<Watching, 'untilShown'>): Promise<Measured> {
  const { gone, back, never, act } = await stage(cast)
  await untilAll(watching.isolates, gone, !never)
  const sightings = await watch(gone, act, watching)
  return { name, gone: sightings, back: back && (await watch(back.looks, back.act, { ...watching, untilShown: true })) }
}

/** Isolates that still show the writer something of it although it insists on its write, half by header and half by cookie. */
export async function stillShownToWriter({ stage }: Effect, cast: Cast, isolates: readonly string[]): Promise<string[]> {
  const { own = [], act } = await stage(cast)
  if (own.length === 0) return []
  await untilAll(isolates, own, true)
  const written = await act()
  const still = await Promise.all(
    isolates.flatMap((isolate, i) =>
      own.map(async (look, j) => {
        const way = (i + j) % 2 === 0 ? byHeader : byCookie
        return (await shows(isolate, look, way(written))) ? [`${way.name} ${look.path} at ${isolate}`] : []
      }),
    ),
  )
  return still.flat()
}

/** One line for each broken promise: who showed what how long after the acknowledgement. */
export const violationsOf = (sightings: readonly Sightings[], shown: boolean): string[] =>
  brokenBy(sightings, shown).map((one) => {
    const { look, isolate, glances } = one
    const told = `${look.path} ${shown ? 'lacked' : 'showed'} ${look.needle} at ${isolate}`
    return `${told} after ${Math.round(tookMs(one, shown))} ms (${glances.length} answers, promised ${PROMISED_MS} ms)`
  })
