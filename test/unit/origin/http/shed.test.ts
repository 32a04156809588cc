import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { renderProblem, toProblem } from '../../../../contract/problem.ts'
import { type ShedEvent, shedAbove } from '../../../../origin/http/shed.ts'

test('what comes above the limit is refused, and told once however many come', async () => {
  const events: ShedEvent[] = []
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>()
  const app = new Hono()
  app.use(shedAbove(2, (event) => events.push(event)))
  app.get('/', async (c) => {
    await held
    return c.text('served')
  })
  app.onError((error) => renderProblem(toProblem(error), 'a test'))
  const ask = async () => (await app.request('/')).status

  const served = [ask(), ask()]
  expect(await Promise.all([ask(), ask(), ask()])).toEqual([503, 503, 503])
  expect(events).toEqual([{ type: 'shedding-began' }])
  letGo()
  expect(await Promise.all(served)).toEqual([200, 200])
  expect(events.slice(1)).toEqual([{ type: 'shedding-ended', refused: 3 }])
  expect(await ask()).toBe(200)
  expect(events).toHaveLength(2)
})
