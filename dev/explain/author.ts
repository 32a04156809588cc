import { problemSchema } from '../../contract/api/problems.ts'
import { SIGNATURE_HEADER } from '../../contract/headers.ts'
import { type Cost, type Mode, type Route, routeSchema } from '../../contract/route.ts'
import { signRequest } from '../../contract/signature.ts'
import { importKey } from '../../contract/signed.ts'
import { lineOf, UsageError } from '../command-line.ts'
import type { Target } from '../doctor/target.ts'
import { table } from '../table.ts'

const DEADLINE_MS = 10_000

/** Asks an origin what would become of an author's post now: it knows by which thresholds it goes. */
export async function askRoute({ originUrl, edgeSecret }: Pick<Target, 'originUrl' | 'edgeSecret'>, author: string): Promise<Route> {
  if (!originUrl) throw new UsageError('which origin? Give --origin-url, or set ORIGIN_URL')
  if (!edgeSecret) throw new UsageError('which secret? Set EDGE_SECRET, the one of the origin')
  const target = `/internal/route/${encodeURIComponent(author)}`
  const signature = await signRequest(await importKey(edgeSecret), { method: 'GET', target, body: new Uint8Array() }, {}, Date.now())
  const url = new URL(target, originUrl)
  const response = await fetch(url, {
    headers: { [SIGNATURE_HEADER]: signature },
    redirect: 'manual',
    signal: AbortSignal.timeout(DEADLINE_MS),
  }).catch((error) => {
    throw new UsageError(`${url.origin} does not answer (${lineOf(error.cause ?? error)})`, { cause: error })
  })
  const body = await response.json().catch(() => undefined)
  if (response.status === 200) return routeSchema.parse(body)
  if (response.status === 404) throw new UsageError(`there is no user "${author}"`)
  const problem = problemSchema.safeParse(body).data
  throw new UsageError(`${url.origin} answers ${response.status}${problem ? `: ${problem.detail}` : ''}`)
}

const MODES: Readonly<Record<Mode, string>> = {
  push: 'pushed: a row in the timeline of each active follower',
  hot: 'hot: no rows, pushed to the timelines that are in L2',
  pull: "pulled: one entry in the author's list, which readers merge",
}

/** A route as text for people. */
export function routeText(route: Route): string {
  const { nowMs, author, mode, why, followers, thresholds, fanout, costs, next } = route
  const about = followers.exact ? '' : 'about '
  const { crowd, crowdLeave, crowdFloor, crowdWhy, hot, hotLeave, bigLane } = thresholds
  const rows: [string, string][] = [
    ['mode', MODES[mode]],
    ['why', why],
    [
      'followers',
      `${count(followers.count)}, of whom ${about}${count(followers.active)} active, and ${about}${count(followers.present)} with a timeline that may be in L2`,
    ],
    [
      'crowd',
      `pulled from ${count(crowd)} followers on (${crowdWhy}), back below ${count(crowdLeave)}; candidates from ${count(crowdFloor)}`,
    ],
    ['hot', `from ${count(hot)} followers on, back below ${count(hotLeave)}`],
    ['tier', tierText(route)],
    ['fan-out', `${fanout.lane} lane (big above ${count(bigLane)} followers), ${plural(fanout.chunks, 'chunk')}${queueText(route)}`],
    ...next.map(({ change, waitsFor, atMs }): [string, string] => [
      'next',
      `${change}: ${atMs === null ? `after ${waitsFor}` : `${spanText(atMs - nowMs)} from now, when ${waitsFor}`}`,
    ]),
  ]
  const lines = rows.map(([name, says]) => `  ${name.padEnd(9)} ${says}`)
  const order: readonly Mode[] = ['push', 'hot', 'pull']
  const price = table([
    ['a post', 'rows', 'keys of L2', 'calls to L2', 'keys per read'],
    ...order.map((one) => [one === mode ? `${one} (now)` : one, ...costCells(costs[one])]),
  ])
  return [`@${author.handle} (${author.id})${author.account === 'open' ? '' : `, ${author.account}`}`, ...lines, '', price, ''].join('\n')
}

const costCells = ({ rows, l2Keys, l2Calls, keysPerRead }: Cost): string[] => [rows, l2Keys, l2Calls, keysPerRead].map(count)

function tierText({ tier }: Route): string {
  const since = (name: string, atMs: number | null) => (atMs === null ? [] : [`${name} since ${new Date(atMs).toISOString()}`])
  return [
    tier.route,
    ...since('candidate', tier.candidateSinceMs),
    ...since('in crowd', tier.route === 'push' ? null : tier.announcedAtMs),
    ...since('demoted', tier.demotedAtMs),
    ...(tier.hot ? since('hot', tier.hotChangedAtMs) : since('not hot', tier.hotChangedAtMs)),
  ].join(', ')
}

function queueText({ fanout: { waiting, dead, turnDelayMs } }: Route): string {
  const said = [
    ...(waiting > 0 ? [`${plural(waiting, 'job')} of theirs wait${waiting === 1 ? 's' : ''}`] : []),
    ...(turnDelayMs > 0 ? [`their next turn is ${spanText(turnDelayMs)} behind others'`] : []),
    ...(dead > 0 ? [`${plural(dead, 'dead job')} (npm run dead-jobs)`] : []),
  ]
  return said.map((one) => `; ${one}`).join('')
}

const count = (many: number): string => many.toLocaleString('en')
const plural = (many: number, one: string): string => `${count(many)} ${one}${many === 1 ? '' : 's'}`

/** A span of time as people say it. */
function spanText(ms: number): string {
  if (ms < 120_000) return `${(ms / 1_000).toFixed(1)} s`
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${(ms / 3_600_000).toFixed(1)} h`
}
