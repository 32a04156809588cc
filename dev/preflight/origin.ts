import { SIGNATURE_HEADER } from '../../contract/headers.ts'
import { SIGNATURE_LIFE_MS, signRequest } from '../../contract/signature.ts'
import { importKey } from '../../contract/signed.ts'
import { schema } from '../../worker/config.ts'
import { type Check, type Finding, fail, ok, runChecks, type Verdict, warn } from './check.ts'
import type { Env } from './deployment.ts'
import { isLoopback } from './loopback.ts'
import { settingOf } from './variables.ts'

const CALL_DEADLINE_MS = 5_000
const LOAD = '/internal/load'
const BODY = new TextEncoder().encode('{"keys":["crowd"]}')

/** The origin can be reached where the worker looks for it, is ready, believes the worker and nobody else. */
export async function checkOrigin(worker: Env, nowMs: () => number): Promise<Verdict[]> {
  const text = settingOf(schema.shape.ORIGIN_URL, worker.ORIGIN_URL)
  if (text === undefined) return []
  const url = new URL(text)
  const secret = settingOf(schema.shape.EDGE_SECRET, worker.EDGE_SECRET)
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(new URL(path, url), { ...init, redirect: 'manual', signal: AbortSignal.timeout(CALL_DEADLINE_MS) })
  const load = (signature: string) =>
    ask(LOAD, { method: 'POST', headers: { 'content-type': 'application/json', [SIGNATURE_HEADER]: signature }, body: BODY })

  const checks: Check[] = [
    { name: 'origin encrypted', run: () => encrypted(url) },
    { name: 'origin ready', run: ready },
    { name: 'origin believes only us', run: refusesOthers },
    ...(secret === undefined ? [] : [{ name: 'origin believes the worker', run: () => believes(secret) }]),
  ]
  return runChecks(checks)

  async function ready(): Promise<Finding> {
    const response = await ask('/readyz')
    const body = await response.text()
    const skewMs = Math.abs(Date.parse(response.headers.get('date') ?? '') - nowMs())
    if (response.status !== 200)
      return fail(`${url.host}/readyz answers ${response.status} ${body.slice(0, 200)}`, 'see the log of the origin')
    if (skewMs > SIGNATURE_LIFE_MS / 2)
      return fail(`its clock is ${Math.round(skewMs / 1_000)} s from this machine's`, 'let both follow NTP: signatures live 30 s')
    return body.includes('"degraded"') ? warn(`degraded: ${body.slice(0, 200)}`, 'see the log of the origin') : ok('200')
  }
  async function refusesOthers(): Promise<Finding> {
    const response = await load('')
    await response.arrayBuffer()
    return response.status === 401
      ? ok('401 without our signature')
      : fail(`answers ${response.status} to an unsigned request`, 'is ORIGIN_URL an origin of Tideline?')
  }
  async function believes(edgeSecret: string): Promise<Finding> {
    const request = { method: 'POST', target: LOAD, body: BODY }
    const response = await load(await signRequest(await importKey(edgeSecret), request, {}, nowMs()))
    await response.arrayBuffer()
    if (response.status === 200) return ok('a signed load is answered')
    if (response.status === 401)
      return fail('refuses our signature', "EDGE_SECRET is not the origin's, or the clocks differ by more than 30 s")
    return fail(`answers ${response.status} to a signed load`, 'see the log of the origin')
  }
}

function encrypted({ protocol, hostname }: URL): Finding {
  if (protocol === 'https:') return ok('TLS')
  if (isLoopback(hostname)) return warn('on this machine', 'a worker on Cloudflare cannot reach it: set ORIGIN_URL in wrangler.toml')
  return fail('plain http: what readers write travels in the clear', 'put TLS in front, and https:// in ORIGIN_URL')
}
