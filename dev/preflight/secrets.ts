import { type Check, fail, ok, warn } from './check.ts'
import type { Deployment } from './deployment.ts'

const MAKE = 'make one: openssl rand -base64 32'
const OURS = ['JWT_SECRET', 'JWT_SECRET_PREVIOUS', 'EDGE_SECRET', 'EDGE_SECRET_PREVIOUS', 'SIGNING_SECRET', 'SIGNING_SECRET_PREVIOUS']
/** What people write who mean to change it later. Long enough to be no accident: one random secret in a million holds one. */
const WORDS = /secret|passwo?r?d|change-?me|example|tideline|012345|123456|abcdef|qwerty|(.)\1{5}|\b(?:test|demo)\b/i
/** Bits below which a secret is guessable offline, and below which it is merely not what the manual makes. */
const WEAK_BITS = 96
const GOOD_BITS = 128

/** Bits a text could hold if its characters were drawn as often as they occur in it: an upper bound, so what is weak by it is weak. */
export function bitsOf(text: string): number {
  const counts = Map.groupBy(text, (char) => char)
  const perChar = [...counts.values()].reduce((bits, { length }) => bits - (length / text.length) * Math.log2(length / text.length), 0)
  return Math.floor(perChar * text.length)
}

/** What makes a secret easy to guess, undefined when nothing is seen. */
export function weaknessOf(secret: string): string | undefined {
  const word = WORDS.exec(secret)?.[0]
  if (word !== undefined) return `contains "${word.toLowerCase()}"`
  const bits = bitsOf(secret)
  return bits < WEAK_BITS ? `${secret.length} characters of at most ${bits} bits` : undefined
}

/** Secrets are strong, all different, the same on both sides where they are shared, and not those of `npm start`. */
export function secretChecks({ origin, worker }: Deployment, local: readonly string[]): Check[] {
  const given = OURS.flatMap((name) => [...new Set([origin?.[name], worker?.[name]])].flatMap((value) => (value ? [{ name, value }] : [])))
  const strength = given.map(
    ({ name, value }): Check => ({
      name: `secret ${name}`,
      run() {
        const weakness = weaknessOf(value)
        if (weakness !== undefined) return fail(`weak: ${weakness}`, MAKE)
        if (local.includes(value)) return fail('the one of the local stack', MAKE)
        const bits = bitsOf(value)
        return bits < GOOD_BITS ? warn(`${value.length} characters of at most ${bits} bits`, MAKE) : ok('strong')
      },
    }),
  )
  const checks: Check[] = [...strength, { name: 'secrets differ', run: differ }]
  if (origin?.EDGE_SECRET && worker?.EDGE_SECRET) checks.push({ name: 'EDGE_SECRET of both sides', run: shared })
  const rotated = given.filter(({ name }) => name.endsWith('_PREVIOUS'))
  if (rotated.length > 0) checks.push({ name: 'rotation', run: rotation })
  return checks

  function differ() {
    const tokens = [...new Set([origin?.UPSTASH_REDIS_REST_TOKEN, worker?.UPSTASH_REDIS_REST_TOKEN])].flatMap((value) =>
      value ? [{ name: 'UPSTASH_REDIS_REST_TOKEN', value }] : [],
    )
    const twins = [...Map.groupBy([...given, ...tokens], ({ value }) => value).values()].find((same) => same.length > 1)
    if (!twins) return ok('each has a value of its own')
    return fail(`${twins.map(({ name }) => name).join(' and ')} are the same`, `whoever learns one has the other; ${MAKE}`)
  }
  function shared() {
    if (origin?.EDGE_SECRET === worker?.EDGE_SECRET) return ok('the same')
    if (worker?.EDGE_SECRET !== undefined && worker.EDGE_SECRET === origin?.EDGE_SECRET_PREVIOUS) {
      return warn("the worker still signs with the origin's previous one", 'go on with the rotation (docs/deploy.md)')
    }
    return fail('differs: the origin would refuse the worker', 'give both the same EDGE_SECRET')
  }
  function rotation() {
    return warn(`${rotated.map(({ name }) => name).join(', ')} given`, 'remove it when the rotation is over (docs/deploy.md)')
  }
}
