import { env } from 'cloudflare:workers'
import { createCache, type Reader, redisTier } from 'tideline/cache'

const { ORIGIN_URL, UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token } = env

const pages = createCache<string>({
  shared: redisTier({ url, token, prefix: 'pages:' }),
  async loadOne(path, { signal }) {
    const answer = await fetch(ORIGIN_URL + path, { signal })
    if (!answer.ok && answer.status !== 404) throw new Error(`the origin answered ${answer.status}`)
    return answer.ok ? answer.text() : null
  },
})

async function write(path: string, request: Request, ctx: Reader): Promise<Response> {
  const answer = await fetch(new Request(ORIGIN_URL + path, request))
  await pages.invalidate([path], ctx) // after the write, before it is acknowledged
  return answer
}

export default {
  async fetch(request: Request, _env: unknown, ctx: Reader): Promise<Response> {
    const path = new URL(request.url).pathname
    if (request.method === 'GET' || request.method === 'HEAD') {
      const page = await pages.get(path, ctx)
      return page === null ? new Response('There is no such page.', { status: 404 }) : new Response(page)
    }
    const written = write(path, request, ctx)
    ctx.waitUntil(written) // both steps, though the client leaves between them
    return written
  },
}
