import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { healthRoutes } from '../../../../origin/routes/health.ts'

test('what the health routes say of caching is said of them alone', async () => {
  const app = new Hono()
  app.route(
    '/',
    healthRoutes(async () => ({ status: 'ready', checks: {} })),
  )
  app.get('/other', (c) => c.text('ok'))
  const said = async (path: string) => (await app.request(path)).headers.get('cache-control')
  expect([await said('/healthz'), await said('/readyz'), await said('/other')]).toEqual(['no-store', 'no-store', null])
})
