import type { MiddlewareHandler } from 'hono'
import { Problem } from '../../contract/problem.ts'

const NAMES = new Set(['127.0.0.1', 'localhost', '[::1]'])

/** Was this address asked for by a name of this machine? A page of another site cannot, even if its name leads here (DNS rebinding). */
export const isLoopback = (url: string): boolean => NAMES.has(new URL(url).hostname)

/** To everybody else there is nothing here. */
export const loopbackOnly: MiddlewareHandler = async (c, next) => {
  if (!isLoopback(c.req.url)) throw new Problem('not-found', `There is no ${c.req.path} here.`)
  await next()
}
