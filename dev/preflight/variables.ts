import type * as z from 'zod'
import { schema as originSchema } from '../../origin/config.ts'
import { schema as workerSchema } from '../../worker/config.ts'
import { lineOf } from '../command-line.ts'
import { type Check, fail, ok, warn } from './check.ts'
import { type Deployment, type Env, WORKER_SECRETS } from './deployment.ts'

/** A value of one variable with its default, undefined where it is missing or malformed: another check says so. */
export function settingOf<T>(type: z.ZodType<T>, text: string | undefined): T | undefined {
  try {
    return type.safeParse(text).data
  } catch {
    return undefined
  }
}

/** Each variable is there and well-formed: one line for each that is not. */
export function variableChecks({ origin, worker }: Deployment): Check[] {
  return [...(origin ? ofSide('origin', originSchema, origin) : []), ...(worker ? ofSide('worker', workerSchema, worker) : [])]
}

function ofSide(side: 'origin' | 'worker', schema: z.ZodObject, env: Env): Check[] {
  const known = Object.keys(schema.shape)
  const wrong = known.flatMap((name): Check[] => {
    const says = complaintOf(schema.shape[name] as z.ZodType, env[name])
    if (says === undefined) return []
    const secret = side === 'worker' && WORKER_SECRETS.includes(name)
    const todo = secret ? `npx wrangler secret put ${name}, and give the same here` : `${side}/config.ts says what it is`
    return [{ name: `${side} ${name}`, run: () => fail(says, todo) }]
  })
  const given = known.filter((name) => env[name] !== undefined).length
  return wrong.length > 0 ? wrong : [{ name: `${side} variables`, run: () => ok(`${given} given, ${known.length - given} by default`) }]
}

/** What is wrong with the value of a variable, without the value: it may be a secret. */
function complaintOf(type: z.ZodType, text: string | undefined): string | undefined {
  try {
    const parsed = type.safeParse(text)
    if (parsed.success) return undefined
    return text === undefined ? 'missing' : parsed.error.issues.map(({ message }) => message).join('; ')
  } catch (error) {
    return lineOf(error) // LIFETIMES is JSON inside
  }
}

/** What the two sides must agree on. */
export function agreementChecks({ origin, worker }: Deployment): Check[] {
  if (!origin || !worker) return []
  const same = (['KEY_PREFIX', 'UPSTASH_REDIS_REST_URL', 'UPSTASH_REDIS_REST_TOKEN'] as const).flatMap((name): Check[] => {
    const [ofOrigin, ofWorker] = [settingOf(originSchema.shape[name], origin[name]), settingOf(workerSchema.shape[name], worker[name])]
    if (ofOrigin === undefined || ofWorker === undefined) return [] // said already
    const differs = () =>
      name === 'UPSTASH_REDIS_REST_TOKEN'
        ? warn('differs: fine while it is rotated, if both open the same Redis', 'finish the rotation (docs/deploy.md)')
        : fail('differs: the worker reads what nobody writes', `give origin and worker the same ${name}`)
    return [{ name: `${name} of both sides`, run: () => (ofOrigin === ofWorker ? ok('the same') : differs()) }]
  })
  return [...same, { name: 'lifetimes of both sides', run: lifetimes }]

  /** Announce-then-route counts on how long the worker may use a timeline and `crowd` (docs/architecture.md). */
  function lifetimes() {
    const timelineLifeMs = settingOf(originSchema.shape.TIMELINE_LIFE_MS, origin?.TIMELINE_LIFE_MS) ?? 0
    const announceMs = settingOf(originSchema.shape.ANNOUNCE_MS, origin?.ANNOUNCE_MS) ?? 0
    const changes = settingOf(workerSchema.shape.LIFETIMES, worker?.LIFETIMES)
    const timelineMs = changes?.timeline?.hardMs ?? 24 * 3_600_000
    const crowdMs = changes?.crowd?.hardMs ?? 10_000
    if (timelineLifeMs < timelineMs) {
      return fail(
        'a timeline may live longer in L2 than the origin believes',
        `TIMELINE_LIFE_MS of the origin: at least ${timelineMs + 300_000}`,
      )
    }
    if (announceMs < crowdMs) {
      return fail('crowd may be used for longer than the origin announces', `ANNOUNCE_MS of the origin: at least ${crowdMs + 5_000}`)
    }
    return announceMs < crowdMs + 5_000
      ? warn('little margin between the life of crowd and the announcement', `ANNOUNCE_MS of the origin: at least ${crowdMs + 5_000}`)
      : ok('the origin waits for longer than the worker remembers')
  }
}
