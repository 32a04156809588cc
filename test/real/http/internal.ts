import { expect, test } from 'vitest'
import { SIGNATURE_HEADER } from '../../../contract/headers.ts'
import type { ProblemSlug } from '../../../contract/problem.ts'
import { type Caller, SIGNATURE_LIFE_MS, signRequest } from '../../../contract/signature.ts'
import { importKey } from '../../../contract/signed.ts'
import { expectProblem } from '../../support/expect-problem.ts'
import type { World } from './world.ts'

const LOAD = '/internal/load'
/** A key that no read of another test needs. */
const KEY = 'us:1999999999999999999'
const BODY = JSON.stringify({ keys: [KEY] })

interface Signed {
  readonly method?: string
  readonly path?: string
  readonly body?: string
  readonly atMs?: number
  readonly secret?: string
  readonly caller?: Caller
}

/** The origin talks to the edge only. */
export function internal(world: () => World): void {
  async function signatureOf({ method = 'POST', path = LOAD, body = BODY, atMs = Date.now(), secret, caller = {} }: Signed = {}) {
    const key = await importKey(secret ?? world().stack.secrets.EDGE_SECRET)
    return signRequest(key, { method, target: path, body: new TextEncoder().encode(body) }, caller, atMs)
  }
  const ask = (signature: string | undefined, path = LOAD, body = BODY) =>
    fetch(world().stack.originUrl() + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(signature === undefined ? {} : { [SIGNATURE_HEADER]: signature }) },
      body,
    })
  const refuses = (what: string, slug: ProblemSlug, asked: () => Promise<Response>) =>
    test(`the origin refuses a request ${what}, and loads nothing`, async () => {
      const loads = world().stack.loads(KEY)
      await expectProblem(await asked(), slug)
      expect(world().stack.loads(KEY)).toBe(loads)
    })

  test('the origin answers what the edge signed', async () => {
    const response = await ask(await signatureOf())
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ values: [{ key: KEY, truth: 0, payload: null }] })
  })
  for (const path of [
    LOAD,
    '/internal/points',
    '/internal/older',
    '/internal/older-of-author',
    '/internal/marks',
    '/v1/posts',
    '/internal/nothing',
  ]) {
    refuses(`to ${path} without a signature`, 'unauthorized', () => ask(undefined, path))
  }
  refuses('with a signature that has expired', 'unauthorized', async () =>
    ask(await signatureOf({ atMs: Date.now() - SIGNATURE_LIFE_MS - 1 })),
  )
  refuses('with a signature from the future', 'unauthorized', async () =>
    ask(await signatureOf({ atMs: Date.now() + 2 * SIGNATURE_LIFE_MS })),
  )
  refuses('with the signature of another body', 'unauthorized', async () => ask(await signatureOf({ body: '{"keys":["us:1"]}' })))
  refuses('with the signature of another path', 'unauthorized', async () => ask(await signatureOf({ path: '/internal/older' })))
  refuses('with the signature of another query', 'unauthorized', async () => ask(await signatureOf(), `${LOAD}?a=1`))
  refuses('with the signature of another method', 'unauthorized', async () => ask(await signatureOf({ method: 'PUT' })))
  refuses('with a signature by another secret', 'unauthorized', async () => ask(await signatureOf({ secret: 'another-secret-0123456789' })))
  for (const garbage of ['', 'x', 'a.b', '.', 'a.b.c']) {
    refuses(`with "${garbage}" for a signature`, 'unauthorized', () => ask(garbage))
  }
  const huge = JSON.stringify({ keys: ['x'.repeat(200_000)] })
  refuses('with a huge body and no signature, unread', 'unauthorized', () => ask(undefined, LOAD, huge))
  refuses('with a huge body, though it is signed', 'too-large', async () => ask(await signatureOf({ body: huge }), LOAD, huge))
  for (const body of ['{"keys":[]}', '{"keys":"crowd"}', '{"keys":["crowd"],"more":1}', `{"keys":["${'x'.repeat(121)}"]}`]) {
    refuses(`that asks for ${body.slice(0, 30)}`, 'bad-request', async () => ask(await signatureOf({ body }), LOAD, body))
  }
  test.each(['readers', 'watch', 'watched'])('there is no /internal/demo/%s where the demo is off', async (name) => {
    const path = `/internal/demo/${name}`
    await expectProblem(await ask(await signatureOf({ path }), path), 'not-found')
  })
  test('a key that is none of ours is answered with nothing', async () => {
    const body = '{"keys":["us:1; drop table users","crowd "]}'
    const { values } = await (await ask(await signatureOf({ body }), LOAD, body)).json()
    expect(values).toEqual([
      { key: 'us:1; drop table users', truth: 0, payload: null },
      { key: 'crowd ', truth: 0, payload: null },
    ])
  })
}
