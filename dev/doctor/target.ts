import { schema as originSchema } from '../../origin/config.ts'
import { parseDatabaseUrl, UsageError } from '../command-line.ts'
import { type Env, readEnvFile } from '../preflight/deployment.ts'
import { settingOf } from '../preflight/variables.ts'
import { runningStack } from '../running-stack.ts'
import { DEFAULT_STATE_DIR } from '../state.ts'

/** The system that is looked at. What is undefined cannot be looked at, and is said so. */
export interface Target {
  readonly databaseUrl: URL
  readonly workerUrl: string | undefined
  readonly originUrl: string | undefined
  /** Signs the reader's token. */
  readonly jwtSecret: string | undefined
  readonly l2: { readonly url: string; readonly token: string; readonly prefix: string } | undefined
  /** Signs what is asked of the edge's memory. */
  readonly edgeSecret: string | undefined
}

interface Options {
  readonly stateDir: string | undefined
  readonly url: string | undefined
  readonly originUrl?: string | undefined
  readonly databaseUrl: string | undefined
  readonly originEnv: string | undefined
  readonly workerEnv: string | undefined
}

/** The running stack of `npm start` unless files are given; else what the environment says, in the names of origin and worker. */
export async function findTarget({ stateDir, url, originUrl, databaseUrl, originEnv, workerEnv }: Options): Promise<Target> {
  const named = originEnv !== undefined || workerEnv !== undefined
  const state = named ? undefined : await runningStack(stateDir ?? DEFAULT_STATE_DIR)
  if (state) {
    return {
      databaseUrl: parseDatabaseUrl(databaseUrl ?? state.databaseUrl),
      workerUrl: parseUrl('--url', url ?? state.workerUrl),
      originUrl: parseUrl('--origin-url', originUrl ?? state.originUrl),
      jwtSecret: state.jwtSecret,
      l2: { url: state.l2Url, token: state.l2Token, prefix: state.keyPrefix },
      edgeSecret: state.edgeSecret,
    }
  }
  const files = await Promise.all([originEnv, workerEnv].map((file) => (file === undefined ? {} : readEnvFile(file))))
  const env: Env = Object.assign({ ...process.env }, ...files)
  const database = databaseUrl ?? env.DATABASE_URL
  if (!database)
    throw new UsageError('which system? Run npm start first, set DATABASE_URL and the other variables, or give --origin-env FILE')
  const workerUrl = url ?? env.EDGE_URL
  const origin = originUrl ?? env.ORIGIN_URL
  const l2Url = settingOf(originSchema.shape.UPSTASH_REDIS_REST_URL, env.UPSTASH_REDIS_REST_URL)
  const token = env.UPSTASH_REDIS_REST_TOKEN
  const prefix = settingOf(originSchema.shape.KEY_PREFIX, env.KEY_PREFIX)
  return {
    databaseUrl: parseDatabaseUrl(database),
    workerUrl: workerUrl === undefined ? undefined : parseUrl('--url', workerUrl),
    originUrl: origin === undefined ? undefined : parseUrl('--origin-url', origin),
    jwtSecret: env.JWT_SECRET || undefined,
    l2: l2Url && token && prefix ? { url: l2Url, token, prefix } : undefined,
    edgeSecret: env.EDGE_SECRET || undefined,
  }
}

function parseUrl(flag: string, text: string): string {
  const url = URL.parse(text)
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url.href
  throw new UsageError(`${flag} is an address, https://feed.example.com for instance, not "${text}"`)
}
