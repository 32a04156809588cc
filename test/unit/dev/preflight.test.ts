import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { bounded, ok, runChecks } from '../../../dev/preflight/check.ts'
import type { Deployment } from '../../../dev/preflight/deployment.ts'
import { evictionOf, roundTrip } from '../../../dev/preflight/redis.ts'
import { bitsOf, secretChecks, weaknessOf } from '../../../dev/preflight/secrets.ts'
import { agreementChecks, variableChecks } from '../../../dev/preflight/variables.ts'
import { corsOf, modeChecks } from '../../../dev/preflight/worker.ts'

const secret = () => randomBytes(32).toString('base64')
const shared = { UPSTASH_REDIS_REST_URL: 'https://redis.example', UPSTASH_REDIS_REST_TOKEN: secret(), EDGE_SECRET: secret() }
const origin = { ...shared, DATABASE_URL: 'postgres://u:p@db.example:5432/tideline' }
const worker = {
  ...shared,
  ORIGIN_URL: 'https://origin.example',
  JWT_SECRET: secret(),
  SIGNING_SECRET: secret(),
  CORS_ORIGINS: 'https://app.example',
}
const wrangler = {
  vars: {},
  compatibilityDate: '2026-10-01',
  requiredSecrets: ['JWT_SECRET', 'EDGE_SECRET', 'SIGNING_SECRET', 'UPSTASH_REDIS_REST_TOKEN'],
}
const good: Deployment = { origin, worker, wrangler }
const LOCAL = secret()

/** What the checks that ask nobody find amiss: `level check`. */
async function amiss(deployment: Deployment): Promise<string[]> {
  const checks = [
    ...variableChecks(deployment),
    ...agreementChecks(deployment),
    ...secretChecks(deployment, [LOCAL]),
    ...modeChecks(deployment),
  ]
  return (await runChecks(checks)).flatMap(({ level, check }) => (level === 'ok' ? [] : [`${level} ${check}`]))
}

test('nothing is amiss with a good configuration', async () => {
  expect(await amiss(good)).toEqual([])
  expect(await amiss({ ...good, worker: undefined, wrangler: undefined })).toEqual([])
  expect(await amiss({ ...good, origin: undefined })).toEqual([])
})

const same = secret()
test.each<[what: string, ofOrigin: Record<string, string | undefined>, ofWorker: Record<string, string | undefined>, found: string]>([
  ['a missing database', { DATABASE_URL: undefined }, {}, 'FAIL origin DATABASE_URL'],
  ['a database that is none', { DATABASE_URL: 'mysql://a/b' }, {}, 'FAIL origin DATABASE_URL'],
  ['a Redis by TCP', { UPSTASH_REDIS_REST_URL: 'rediss://default:word@a.example' }, {}, 'FAIL origin UPSTASH_REDIS_REST_URL'],
  ['no prefix', { KEY_PREFIX: '' }, {}, 'FAIL origin KEY_PREFIX'],
  ['a prefix that begins others', {}, { KEY_PREFIX: 'tideline' }, 'FAIL worker KEY_PREFIX'],
  ['a port beyond all ports', { PORT: '70000' }, {}, 'FAIL origin PORT'],
  ['a missing secret', {}, { SIGNING_SECRET: undefined }, 'FAIL worker SIGNING_SECRET'],
  ['lifetimes that are no JSON', {}, { LIFETIMES: '{' }, 'FAIL worker LIFETIMES'],
  ['another prefix', { KEY_PREFIX: 'other:' }, {}, 'FAIL KEY_PREFIX of both sides'],
  ['another Redis', {}, { UPSTASH_REDIS_REST_URL: 'https://b.example' }, 'FAIL UPSTASH_REDIS_REST_URL of both sides'],
  ['timelines that outlive the belief', { TIMELINE_LIFE_MS: '3600000' }, {}, 'FAIL lifetimes of both sides'],
  ['a crowd that outlives its announcement', {}, { LIFETIMES: '{"crowd":{"hardMs":60000}}' }, 'FAIL lifetimes of both sides'],
  ['little margin for the announcement', { ANNOUNCE_MS: '11000' }, {}, 'warn lifetimes of both sides'],
  ['a weak secret', {}, { JWT_SECRET: 'password-password' }, 'FAIL secret JWT_SECRET'],
  ['the secret of the local stack', {}, { JWT_SECRET: LOCAL }, 'FAIL secret JWT_SECRET'],
  ['a secret a little short', {}, { JWT_SECRET: 'k7Qz9Xv2Lm4Rt8Wy1Bn5Hc3J' }, 'warn secret JWT_SECRET'],
  ['one secret for two things', {}, { JWT_SECRET: same, SIGNING_SECRET: same }, 'FAIL secrets differ'],
  ['another EDGE_SECRET', { EDGE_SECRET: secret() }, {}, 'FAIL EDGE_SECRET of both sides'],
  ['a rotation half way', { EDGE_SECRET: secret(), EDGE_SECRET_PREVIOUS: shared.EDGE_SECRET }, {}, 'warn EDGE_SECRET of both sides'],
  ['a rotation that is not over', {}, { JWT_SECRET_PREVIOUS: secret() }, 'warn rotation'],
  ['a demo', {}, { DEMO: 'on' }, 'FAIL worker demo'],
  ['a demo at the origin', { DEMO: 'on' }, {}, 'FAIL origin demo'],
  ['a protection switched off', {}, { SWITCHED_OFF: 'lease' }, 'FAIL worker protections'],
  ['a line per request', {}, { LOG_EVENTS: 'on' }, 'warn worker log'],
  ['no origins of browsers', {}, { CORS_ORIGINS: '' }, 'warn worker CORS_ORIGINS'],
])('found: %s', async (_, ofOrigin, ofWorker, found) => {
  expect(await amiss({ ...good, origin: { ...origin, ...ofOrigin }, worker: { ...worker, ...ofWorker } })).toContain(found)
})

test('found: an old compatibility date, none, and a secret that is not required', async () => {
  for (const compatibilityDate of ['2026-09-30', undefined]) {
    expect(await amiss({ ...good, wrangler: { ...wrangler, compatibilityDate } })).toEqual(['FAIL wrangler compatibility_date'])
  }
  expect(await amiss({ ...good, wrangler: { ...wrangler, requiredSecrets: [] } })).toEqual(['warn wrangler required secrets'])
})

test('what the manual makes is strong; what people type is not', () => {
  for (let i = 0; i < 200; i++) expect(bitsOf(secret())).toBeGreaterThan(150)
  for (const typed of ['changeme-changeme-changeme', 'aB3$aB3$aB3$aB3$', 'correcthorsebattery', '9f86d081884c7d65']) {
    expect(weaknessOf(typed), typed).toBeDefined()
  }
})

test.each([
  ['https://app.example', 'ok'],
  ['https://app.example, https://www.example', 'ok'],
  ['http://app.example', 'warn'],
  ['https://app.example/', 'FAIL'],
  ['*', 'FAIL'],
  ['app.example', 'FAIL'],
])('CORS_ORIGINS %s: %s', (text, level) => {
  expect(corsOf(text).level).toBe(level)
})

test.each([
  ['volatile-lru', false, 'ok'],
  ['volatile-ttl', true, 'ok'],
  ['optimistic-volatile', false, 'ok'],
  ['allkeys-lru', false, 'warn'],
  ['noeviction', true, 'warn'],
  ['noeviction', false, 'FAIL'],
])('a Redis of policy %s, without a limit: %s, is %s', (policy, unlimited, level) => {
  expect(evictionOf(policy, unlimited).level).toBe(level)
})

test('a round trip is judged by the deadline of the worker', () => {
  expect([20, 125, 300].map((ms) => roundTrip(ms, 250).level)).toEqual(['ok', 'warn', 'warn'])
})

test('a check that throws or hangs has failed, and the others go on', async () => {
  const verdicts = await runChecks(
    [
      { name: 'throws', run: () => Promise.reject(new Error('outer', { cause: new Error('inner') })) },
      { name: 'hangs', run: () => new Promise(() => {}) },
      { name: 'works', run: () => ok('yes') },
    ],
    20,
  )
  expect(verdicts.map(({ check, level, says }) => [check, level, says])).toEqual([
    ['throws', 'FAIL', 'inner'],
    ['hangs', 'FAIL', 'no answer within 0.02 s'],
    ['works', 'ok', 'yes'],
  ])
})

test('a group of checks that hangs before any of them began is one line that failed', async () => {
  expect(await bounded('postgres', () => new Promise(() => {}), 20)).toMatchObject([{ check: 'postgres', level: 'FAIL' }])
})
