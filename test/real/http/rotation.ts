import { sign } from 'hono/jwt'
import { expect, test } from 'vitest'
import { encodeCursor } from '../../../contract/cursor.ts'
import { importKey } from '../../../contract/signed.ts'
import { expectProblem } from '../../support/expect-problem.ts'
import { FEED, PREVIOUS, type World } from './world.ts'

/** A worker that is told the previous secrets believes what they signed. */
export function rotation(world: () => World): void {
  const inAnHour = () => Math.floor(Date.now() / 1_000) + 3_600
  const tokenOf = (secret: string, sub: string) => sign({ sub, exp: inAnHour() }, secret, 'HS256')
  const cursorOf = async (secret: string, id: string) =>
    encodeCursor(await importKey(secret), 'following', id, { last: '1999999999999999999', anchor: '1999999999999999999', sum: 0 })

  test('while JWT_SECRET is rotated, tokens of the previous one are good, of any other not', async () => {
    const { id } = await world().stranger()
    const read = async (secret: string) =>
      fetch(`${world().stack.urls[0]}${FEED}`, { headers: { authorization: `Bearer ${await tokenOf(secret, id)}` } })
    expect((await read(PREVIOUS.JWT_SECRET_PREVIOUS)).status).toBe(200)
    expect((await read(world().stack.secrets.JWT_SECRET)).status).toBe(200)
    await expectProblem(await read('another-secret-0123456789'), 'unauthorized')
  })

  test('while SIGNING_SECRET is rotated, cursors of the previous one are good, of any other not', async () => {
    const reader = await world().stranger()
    const read = async (secret: string) => reader.fetch(`${FEED}?cursor=${await cursorOf(secret, reader.id)}`)
    expect((await read(PREVIOUS.SIGNING_SECRET_PREVIOUS)).status).toBe(200)
    expect((await read(world().stack.secrets.SIGNING_SECRET)).status).toBe(200)
    await expectProblem(await read('another-secret-0123456789'), 'bad-cursor')
  })
}
