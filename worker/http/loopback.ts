import type { Context, MiddlewareHandler } from 'hono'
import { Problem } from '../../contract/problem.ts'

const NAMES = new Set(['127.0.0.1', 'localhost', '[::1]'])

const isLoopback = (url: string): boolean => NAMES.has(URL.parse(url)?.hostname ?? '')

/** Was this asked by a name of this machine, and by no page of another site, even one whose name leads here (DNS rebinding)? */
export const isLocal = (c: Context): boolean => isLoopback(c.req.url) && isLoopback(c.req.header('origin') ?? c.req.url)

/** To everybody else there is nothing here. */
export const loopbackOnly: MiddlewareHandler = async (c, next) => {
  if (!isLocal(c)) throw new Problem('not-found', `There is no ${c.req.path} here.`)
  await next()
}
