import { join } from 'node:path'
import type { Reader } from './data.ts'
import type { StartOptions } from './options.ts'
import { type DevState, shown } from './state.ts'

interface Stack {
  readonly options: Pick<StartOptions, 'databaseUrl' | 'redisUrl'>
  readonly state: DevState
  readonly stateDir: string
  readonly reader: Reader
  readonly token: string
  /** Which Redis of ours runs; undefined where the caller brings one. */
  readonly redisName: string | undefined
  readonly seconds: string
}

/** What can be done with a running stack: each curl line can be copied as it is. */
export function welcome({ options, state, stateDir, reader, token, redisName, seconds }: Stack): string {
  const feed = `${state.workerUrl}/v1/feed/following`
  const bearer = `-H 'Authorization: Bearer ${token}'`
  const cookies = `'${join(stateDir, 'cookies')}'`
  return `
Ready in ${seconds} s.

  worker    ${state.workerUrl}
  origin    ${state.originUrl}
  Postgres  ${withoutPassword(options.databaseUrl) ?? state.databaseUrl}
  Redis     ${withoutPassword(options.redisUrl) ?? state.redisUrl}, as Upstash: ${state.l2Url}${redisName === undefined ? '' : `\n            ${redisName}`}
  logs      ${shown(join(stateDir, 'logs'))}

Open ${state.workerUrl} in a browser to read as anybody and see which layer answers. Or here, the feed of ${reader.handle}:
curl -s '${feed}?limit=3' ${bearer}

Post as ${reader.handle}, and keep the version token as a cookie:
curl -s -c ${cookies} '${state.workerUrl}/v1/posts' ${bearer} -H 'Content-Type: application/json' -d '{"text":"Hello from the edge"}'

Read again with the version token: the post is there at once, whichever isolate answers:
curl -s -b ${cookies} '${feed}?limit=3' ${bearer}

Other readers: npm run --silent token -- --user HANDLE. Ctrl-C stops everything and keeps the data.
`
}

/** The url of something that is the caller's own: ours have passwords worth showing, theirs are known to them. */
function withoutPassword(own: URL | undefined): string | undefined {
  if (!own) return undefined
  const url = new URL(own)
  url.password = ''
  return url.href
}
