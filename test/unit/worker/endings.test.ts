import { expect, test } from 'vitest'
import { importKey } from '../../../contract/signed.ts'
import { createEndings } from '../../../worker/routes/endings.ts'

const id = (n: number): string => String(1_500_000_000_000_000_000n + BigInt(n))
const decoder = new TextDecoder()

test('a first page has a top_cursor also where a later page of the same scroll ended at the same line', async () => {
  const endings = createEndings(importKey('sixteen characters'))
  const next = { last: id(1), anchor: id(9), sum: 7 }
  const endOf = async (top: typeof next | undefined) => {
    const { bytes } = await endings.of({ next, top, gap: undefined, source: 'following' }, 'following', id(100))
    return JSON.parse(`{"posts":[${decoder.decode(bytes)}`)
  }
  const further = await endOf(undefined)
  const first = await endOf(next)
  expect(further).toMatchObject({ next_cursor: expect.any(String), top_cursor: null })
  expect(first).toMatchObject({ next_cursor: further.next_cursor, top_cursor: further.next_cursor })
})
