import { sign } from 'hono/jwt'
import { expect, test } from 'vitest'
import { createIdentify } from '../../../../worker/http/identity.ts'

const CURRENT = 'the-current-secret-0123456789'
const PREVIOUS = 'the-previous-secret-0123456789'
const USER = '1100000000000000001'
const clock = { nowMs: () => Date.now() }
const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1_000) + seconds
const bearer = async (secret: string, exp = inSeconds(60)): Promise<string> => `Bearer ${await sign({ sub: USER, exp }, secret, 'HS256')}`

test('while a secret is rotated, tokens of either are good', async () => {
  const identify = createIdentify([CURRENT, PREVIOUS], clock)
  for (const secret of [CURRENT, PREVIOUS]) expect(await identify(await bearer(secret))).toEqual({ userId: USER })
})

test('when it has been rotated, tokens of the previous secret are refused, and so are those of any other', async () => {
  const rotated = createIdentify([CURRENT], clock)
  await expect(rotated(await bearer(PREVIOUS))).rejects.toThrow('The token is not valid.')
  const rotating = createIdentify([CURRENT, PREVIOUS], clock)
  await expect(rotating(await bearer('another-secret-0123456789'))).rejects.toThrow('The token is not valid.')
})

test('a token of the previous secret still ends when it says', async () => {
  const identify = createIdentify([CURRENT, PREVIOUS], clock)
  await expect(identify(await bearer(PREVIOUS, inSeconds(-1)))).rejects.toThrow('The token has expired.')
})
