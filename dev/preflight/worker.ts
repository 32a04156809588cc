import { type Check, fail, ok, warn } from './check.ts'
import type { Deployment, Env } from './deployment.ts'

/** From then on workerd handles promises across requests as the singleflight needs it. */
const LEAST_DATE = '2026-10-01'
const SECRETS = ['JWT_SECRET', 'EDGE_SECRET', 'SIGNING_SECRET', 'UPSTASH_REDIS_REST_TOKEN']

/** Nothing that is for development is on, and browsers are let in as they should be. */
export function modeChecks({ origin, worker, wrangler }: Deployment): Check[] {
  const sides: [string, Env | undefined][] = [
    ['origin', origin],
    ['worker', worker],
  ]
  const demo = sides.flatMap(([side, env]) => (env ? [{ name: `${side} demo`, run: () => demoOf(env) }] : []))
  if (!worker) return demo
  const checks: Check[] = [
    ...demo,
    {
      name: 'worker protections',
      run: () => (worker.SWITCHED_OFF ? fail(`switched off: ${worker.SWITCHED_OFF}`, 'SWITCHED_OFF must be empty') : ok('all on')),
    },
    {
      name: 'worker log',
      run: () =>
        worker.LOG_EVENTS === 'on' ? warn('a line per request', 'LOG_EVENTS = "off": lines cost money') : ok('no line per request'),
    },
    { name: 'worker CORS_ORIGINS', run: () => corsOf(worker.CORS_ORIGINS ?? '') },
  ]
  if (wrangler) {
    const { compatibilityDate = 'none', requiredSecrets } = wrangler
    const missing = SECRETS.filter((name) => !requiredSecrets.includes(name))
    checks.push({
      name: 'wrangler compatibility_date',
      run: () =>
        compatibilityDate >= LEAST_DATE && compatibilityDate !== 'none'
          ? ok(compatibilityDate)
          : fail(compatibilityDate, `at least ${LEAST_DATE}: before, readers of one flight may hang`),
    })
    checks.push({
      name: 'wrangler required secrets',
      run: () =>
        missing.length === 0
          ? ok('a deployment without them is refused')
          : warn(`lacks ${missing.join(', ')}`, 'add them to [secrets] required: wrangler then refuses to deploy without'),
    })
  }
  return checks
}

const demoOf = (env: Env) =>
  env.DEMO === undefined || env.DEMO === 'off' || env.DEMO === ''
    ? ok('off')
    : fail(`DEMO is ${env.DEMO}: anybody may act as anybody`, 'DEMO must be off in production')

/** Origins as browsers send them: scheme and host, nothing behind. */
export function corsOf(text: string) {
  const origins = text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean)
  if (origins.length === 0) return warn('none', 'browsers of other sites cannot call; set it if your app is on a host of its own')
  const wrong = origins.find((origin) => URL.parse(origin)?.origin !== origin)
  if (wrong !== undefined)
    return fail(`"${wrong}" is no origin`, 'as browsers send it: https://app.example, without a path or a slash, no *')
  const plain = origins.find((origin) => !origin.startsWith('https:'))
  return plain === undefined ? ok(origins.join(', ')) : warn(`${plain} is not https`, 'anybody on its network may act for its users')
}
