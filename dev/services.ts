import { join } from 'node:path'
import { launch, type RunningProcess } from './processes.ts'
import { type DevState, ROOT, writePrivately } from './state.ts'

const ORIGIN_DEADLINE_MS = 30_000

interface Place<State> {
  readonly state: State
  readonly stateDir: string
  /** Told what it complains of. */
  readonly say: (line: string) => void
}

/** The origin, as in production but for the numbers: a demo graph's crowd is small. */
export function launchOrigin({ state, stateDir, say }: Place<DevState>, crowdThreshold: number): RunningProcess {
  return launch({
    command: process.execPath,
    args: [join(ROOT, 'origin', 'index.ts')],
    env: {
      DATABASE_URL: state.databaseUrl,
      UPSTASH_REDIS_REST_URL: state.l2Url,
      UPSTASH_REDIS_REST_TOKEN: state.l2Token,
      EDGE_SECRET: state.edgeSecret,
      KEY_PREFIX: state.keyPrefix,
      HOST: '127.0.0.1',
      PORT: new URL(state.originUrl).port,
      CROWD_THRESHOLD: String(crowdThreshold),
      CROWD_FLOOR: String(state.crowdFloor),
      EDGE_URL: state.workerUrl,
      DEMO: 'on',
    },
    logFile: join(stateDir, 'logs', 'origin.log'),
    onComplaint: (line) => say(`origin: ${line.replace(/^\S+T\S+Z /, '')}`),
  })
}

export async function originReady(origin: RunningProcess): Promise<void> {
  await origin.said(/^origin listens on /, ORIGIN_DEADLINE_MS)
}

/** Resolves when the runtime below wrangler has crashed: wrangler starts it anew, but that one answers nobody. */
export async function workerCrashed(worker: RunningProcess): Promise<void> {
  await worker.said(/Workers runtime crashed/)
}

/**
 * The worker in `wrangler dev`, which builds it anew when a source changes. Bindings come from a file; wrangler takes from it only
 * what wrangler.toml declares, and would prefer variables of our own environment, so those are taken away and the rest are flags.
 */
export async function launchWorker(
  { state, stateDir, say }: Place<Omit<DevState, 'databaseUrl'>>,
  inspectorPort: number,
): Promise<RunningProcess> {
  const bindings = {
    ORIGIN_URL: state.originUrl,
    UPSTASH_REDIS_REST_URL: state.l2Url,
    UPSTASH_REDIS_REST_TOKEN: state.l2Token,
    JWT_SECRET: state.jwtSecret,
    EDGE_SECRET: state.edgeSecret,
    SIGNING_SECRET: state.signingSecret,
  }
  const lines = Object.entries(bindings).map(([name, value]) => `${name}="${value}"\n`)
  await writePrivately(join(stateDir, 'dev.vars'), lines.join(''))
  const files = ['--env-file', join(stateDir, 'dev.vars'), '--persist-to', join(stateDir, 'worker')]
  const listen = ['--ip', '127.0.0.1', '--port', new URL(state.workerUrl).port, '--inspector-port', String(inspectorPort)]
  const quiet = ['--show-interactive-dev-session=false']
  return launch({
    command: process.execPath,
    args: [
      join(ROOT, 'node_modules', 'wrangler', 'bin', 'wrangler.js'),
      'dev',
      ...listen,
      ...files,
      ...quiet,
      '--var',
      `KEY_PREFIX:${state.keyPrefix}`,
      '--var',
      'DEMO:on',
      '--var',
      'ANALYTICS_SINK:origin',
      // A busy laptop is slower than a Redis on the same continent and an origin with a machine of its own, and would look like an outage.
      '--var',
      'L2_DEADLINE_MS:1000',
      '--var',
      'LOAD_DEADLINE_MS:5000',
      '--var',
      'WRITE_DEADLINE_MS:10000',
    ],
    env: {
      ...Object.fromEntries(Object.keys(bindings).map((name) => [name, undefined])),
      CI: '1', // no questions
      CLOUDFLARE_CF_FETCH_ENABLED: 'false', // nothing outside this machine is asked
      WRANGLER_SEND_METRICS: 'false',
      WRANGLER_HIDE_BANNER: 'true',
      WRANGLER_WRITE_LOGS: 'false',
      WRANGLER_REGISTRY_PATH: join(stateDir, 'worker', 'registry'),
    },
    logFile: join(stateDir, 'logs', 'worker.log'),
    onComplaint: (line) => line.trim() && say(`worker: ${line}`),
  })
}
