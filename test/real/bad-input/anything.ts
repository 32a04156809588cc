import fc from 'fast-check'
import { expect, test } from 'vitest'
import { VERSION_HEADER } from '../../../contract/headers.ts'
import { newPostSchema, userInputSchema } from '../../../contract/post.ts'
import { expectProblem } from '../../support/expect-problem.ts'
import { NOBODY, type World } from './world.ts'

const RUNS = { numRuns: 150, seed: Number(process.env.SEED ?? 20_261_121) }

const binary = fc.string({ unit: 'binary', maxLength: 40 })
const anything = fc.oneof(fc.jsonValue(), binary)
/** JSON, text that is none, and objects with the fields that are looked for. */
const bodies = fc.oneof(
  fc.json(),
  binary,
  fc.record({ text: anything, handle: anything, name: anything }, { requiredKeys: [] }).map((value) => JSON.stringify(value)),
)
const isNone = (body: string): boolean => {
  try {
    const value: unknown = JSON.parse(body)
    return !newPostSchema.safeParse(value).success && !userInputSchema.safeParse(value).success
  } catch {
    return true
  }
}

/** What a header may hold on the wire: visible characters and blanks, ASCII or not. */
const byte = fc.integer({ min: 0x20, max: 0xff }).filter((code) => code !== 0x7f)
const visible = fc.string({ unit: byte.map((code) => String.fromCharCode(code)), maxLength: 80 })
const READ_BY_US = ['authorization', 'cookie', 'origin', VERSION_HEADER, 'if-none-match', 'content-type', 'idempotency-key']
const INTERNAL = ['tideline-signature', 'tideline-raised', 'tideline-request-id']
const OTHERS = ['accept', 'accept-encoding', 'range', 'if-modified-since', 'x-forwarded-for']
const headers = fc.dictionary(fc.constantFrom(...READ_BY_US, ...INTERNAL, ...OTHERS), visible, { maxKeys: 8 })

/** Whatever comes, it is the client's fault and not ours. A failure prints its seed. */
export function whateverComes(world: () => World): void {
  test('a body that is no post and no user is the problem of its sender', () =>
    fc.assert(
      fc.asyncProperty(bodies.filter(isNone), async (body) => {
        const { post, send, service } = world()
        for (const response of await Promise.all([post(body), send('PUT', `/v1/users/${NOBODY}`, `Bearer ${service}`, body)])) {
          const { type } = await response.clone().json()
          await expectProblem(response, type === '/problems/bad-json' ? 'bad-json' : 'bad-request')
        }
      }),
      RUNS,
    ))

  test('headers and queries of garbage never give a 5xx', () =>
    fc.assert(
      fc.asyncProperty(headers, visible, async (garbage, text) => {
        const { stack, author, reader, postId } = world()
        const query = encodeURIComponent(text)
        const paths = [
          `/v1/feed/following?cursor=${query}`,
          `/v1/users/${author.id}/posts?limit=${query}`,
          `/v1/posts/${postId}`,
          `/${query}`,
        ]
        const answers = await Promise.all([
          ...paths.map((path) => fetch(stack.urls[0] + path, { headers: { authorization: `Bearer ${reader.token}`, ...garbage } })),
          fetch(`${stack.urls[0]}/v1/posts`, {
            method: 'POST',
            headers: { authorization: `Bearer ${author.token}`, ...garbage },
            body: '{}',
          }),
        ])
        for (const response of answers) {
          expect(response.status, `${response.url} ${await response.text()}`).toBeLessThan(500)
        }
      }),
      RUNS,
    ))
}
