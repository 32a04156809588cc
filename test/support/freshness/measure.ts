import type { Cast } from './people.ts'
import type { Effect, Stage } from './scenes.ts'
import {
  brokenBy,
  byCookie,
  byHeader,
  type Look,
  PROMISED_MS,
  type Sightings,
  shows,
  tookMs,
  untilAll,
  type Watching,
  watch,
} from './watch.ts'

/** What became of one effect: the sightings of every look by every isolate. */
export interface Measured {
  readonly gone: readonly Sightings[]
  /** Of the way back, where there is one. */
  readonly back: readonly Sightings[] | undefined
  /** Where the writer is still shown something of it, although it insists on its write. */
  readonly own: readonly string[]
}

interface Places extends Omit<Watching, 'untilShown'> {
  /** Isolates that only the writer reads, by header and as a browser: to insist makes a memory fresh for others too. */
  readonly insistOn: { readonly byHeader: string; readonly byCookie: string }
}

/** The isolates of a stack that has `each` in every process: the last of each process is the writer's. */
export function placesOf(urls: readonly string[], each: number): Omit<Places, 'pauseMs'> {
  const isWriters = (place: number): boolean => place % each === each - 1
  const [byHeader = '', byCookie = byHeader] = urls.filter((_, place) => isWriters(place))
  return { isolates: urls.filter((_, place) => !isWriters(place)), insistOn: { byHeader, byCookie } }
}

/** Sets an effect's stage and warms every isolate. */
export async function prepare({ stage }: Effect, cast: Cast, { isolates, insistOn }: Places): Promise<Stage> {
  const staged = await stage(cast)
  await Promise.all([untilAll(isolates, staged.gone, !staged.never), untilAll(Object.values(insistOn), staged.own ?? [], true)])
  return staged
}

/** Watches an effect happen, and its way back. */
export async function measure({ gone, back, own = [], act }: Stage, { insistOn, ...watching }: Places): Promise<Measured> {
  let stillShown: Promise<string[]> | undefined
  const sightings = await watch(
    gone,
    async () => {
      const written = await act()
      stillShown = shownAt([
        ...own.map((look) => ({ isolate: insistOn.byHeader, look, insist: byHeader(written) })),
        ...own.map((look) => ({ isolate: insistOn.byCookie, look, insist: byCookie(written) })),
      ])
      return written
    },
    watching,
  )
  const ways = back && (await watch(back.looks, back.act, { ...watching, untilShown: true }))
  return { gone: sightings, back: ways, own: (await stillShown) ?? [] }
}

interface Insisting {
  readonly isolate: string
  readonly look: Look
  readonly insist: Record<string, string>
}
async function shownAt(all: readonly Insisting[]): Promise<string[]> {
  const still = await Promise.all(
    all.map(async ({ isolate, look, insist }) => {
      let shown: boolean | undefined
      while (shown === undefined) shown = await shows(isolate, look, insist)
      return shown ? [`${look.path} shows ${look.needle} to who sends ${Object.keys(insist)}`] : []
    }),
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
