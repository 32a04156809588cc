import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { countOutcomes, sendCrowd } from '../../test/support/crowd.ts'
import { startWorkerd } from '../../test/support/workerd.ts'
import { bundleOf } from './bundle.ts'
import { type Case, OURS, titleOf, without } from './contender.ts'
import { barOn, type Results, type Scenario } from './scenario.ts'

const COLD_READERS = 50
const COLD_LOAD_MS = 800
const FOLLOWERS = 10
const LEADER_LEAVES_AFTER_MS = 300
const FOLLOWERS_COME_AFTER_MS = 100
const LEFT_LOAD_MS = 1_000
/** A request without an answer by then hangs (milliseconds). */
const HANGS_AFTER_MS = 5_000

/** The Workers, by the row that they stand for. */
const WORKERS: ReadonlyMap<Case, string> = new Map([
  [{ name: 'lru-cache.fetch', label: 'a naive Map of promises' }, '../peers/workers/naive.js'],
  [{ name: 'lru-cache.fetch' }, '../peers/workers/lru-cache.js'],
  [{ name: 'bentocache' }, '../peers/workers/bentocache.js'],
  [{ name: '@unkey/cache', label: 'per request, as documented' }, '../peers/workers/unkey-cache-per-request.js'],
  [{ name: '@unkey/cache', label: 'module scope' }, '../peers/workers/unkey-cache.js'],
  [{ name: 'layered-loader', label: 'as its README has it' }, '../peers/workers/layered-loader.js'],
  [{ name: 'layered-loader', label: 'each get() in waitUntil too' }, '../peers/workers/layered-loader-kept.js'],
  [OURS, './ours-worker.ts'],
  [without('lease', 'singleflight', 'batching'), './ours-worker.ts'],
] as const)

/** An origin that answers after as many milliseconds as it is told, and counts. */
async function startOrigin() {
  const loads = new Map<string, number>()
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://origin')
    const key = searchParams.get('key') ?? ''
    loads.set(key, (loads.get(key) ?? 0) + 1)
    setTimeout(() => response.setHeader('content-type', 'application/json').end(JSON.stringify({ key })), Number(searchParams.get('ms')))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    loadsOf: (key: string) => loads.get(key) ?? 0,
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** As in "10 × 200". */
const told = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([what, count]) => `${count} × ${what}`)
    .join(', ')

const everyRun = (results: Results, figure: string, wanted: string, text: string) => {
  const found = results.rows.find(({ title }) => title === titleOf(OURS))?.figures[figure]
  const seen = Array.isArray(found) ? (found as readonly string[]) : []
  return {
    text,
    ours: [...new Set(seen)].join('; ') || 'not measured',
    met: seen.length > 0 ? seen.every((one) => one === wanted) : undefined,
  }
}
const barOfText = (figure: string, wanted: string, text: string) => ({
  text,
  judge: (results: Results) => everyRun(results, figure, wanted, text),
})

export const inWorkerd: Scenario = {
  name: 'workerd',
  title: 'In workerd, where clients leave',
  about: `Real workerd, one isolate. ${COLD_READERS} readers of a cold key whose load, a fetch, takes ${COLD_LOAD_MS} ms. Then a cold key (${LEFT_LOAD_MS} ms): its first reader's client leaves (TCP reset) after ${LEADER_LEAVES_AFTER_MS} ms, ${FOLLOWERS} others joined before; then one more reader. Hung is without an answer for ${HANGS_AFTER_MS / 1_000} s. Peers have their memory alone, ours has Redis behind it.`,
  cases: [...WORKERS.keys()],
  columns: [
    { figure: 'readers', title: `${COLD_READERS} cold readers` },
    { figure: 'loads', title: 'loads' },
    { figure: 'followers', title: `leader left: ${FOLLOWERS} followers` },
    { figure: 'leftLoads', title: 'loads' },
    { figure: 'slowestMs', title: 'slowest follower', unit: ' ms' },
    { figure: 'afterwards', title: 'the key afterwards' },
  ],
  bars: [
    barOfText('readers', `${COLD_READERS} × 200`, `${COLD_READERS} cold readers: all 200`),
    barOn(
      OURS,
      'loads',
      'by 1 load',
      ({ max }) => max === 1,
      ({ max }) => `${max} at most`,
    ),
    barOfText('followers', `${FOLLOWERS} × 200`, `leader's client leaves: ${FOLLOWERS} × 200`),
    barOfText('afterwards', '1 × 200', 'the key is fine afterwards'),
  ],
  weight: 2,
  deadlineMs: 90_000,
  mostRuns: 2,
  async measure(one, world) {
    const source = fileURLToPath(new URL(WORKERS.get(one) ?? '', import.meta.url))
    const origin = await startOrigin()
    const { url: REDIS_URL, token: REDIS_TOKEN } = world.store.settings.redisRest
    const bindings = {
      ORIGIN: origin.url,
      REDIS_URL,
      REDIS_TOKEN,
      PREFIX: `${world.newNamespace()}:`,
      SWITCHED_OFF: (one.switchedOff ?? []).join(' '),
    }
    const workerd = await startWorkerd({ bundle: await bundleOf(source), bindings, compatibilityFlags: ['nodejs_compat'] })
    const [workerUrl] = workerd.urls
    const send = async (key: string, ms: number, count: number, leavesAfterMs?: number) => {
      const errand = { url: `${workerUrl}/get?key=${key}&ms=${ms}`, ...(leavesAfterMs ? { leavesAfterMs } : {}) }
      const outcomes = await sendCrowd(new Array(count).fill(errand), { atOnce: count, deadlineMs: HANGS_AFTER_MS })
      const slowestMs = Math.max(...outcomes.map((outcome) => (outcome.type === 'answered' ? outcome.tookMs : Number.POSITIVE_INFINITY)))
      return { told: told(countOutcomes(outcomes)), slowestMs }
    }
    try {
      const cold = await send('cold', COLD_LOAD_MS, COLD_READERS)
      const leader = send('left', LEFT_LOAD_MS, 1, LEADER_LEAVES_AFTER_MS)
      await sleep(FOLLOWERS_COME_AFTER_MS)
      const followers = await send('left', LEFT_LOAD_MS, FOLLOWERS)
      await leader
      await sleep(300)
      const afterwards = await send('left', 100, 1)
      return {
        readers: cold.told,
        loads: origin.loadsOf('cold'),
        followers: followers.told,
        leftLoads: origin.loadsOf('left'),
        slowestMs: followers.slowestMs,
        afterwards: afterwards.told,
      }
    } finally {
      await workerd.stop()
      origin.stop()
    }
  },
}
