import { type Cache, createCache, type Reader, redisTier } from 'tideline/cache'

type Env = Readonly<Record<'ORIGIN_URL' | 'UPSTASH_REDIS_REST_URL' | 'UPSTASH_REDIS_REST_TOKEN', string>>
let pages: Cache<string> | undefined // one for the isolate, not one for each request

const openCache = ({ ORIGIN_URL, UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token }: Env) =>
  createCache<string>({
    shared: redisTier({ url, token, prefix: 'pages:' }),
    async load(paths, { signal }) {
      const answers = await Promise.all(paths.map((path) => fetch(ORIGIN_URL + path, { signal })))
      if (answers.some(({ status }) => status !== 200 && status !== 404)) throw new Error('the origin did not answer')
      return Promise.all(answers.map(async (answer, i) => ({ key: paths[i] ?? '', value: answer.ok ? await answer.text() : null })))
    },
  })

export default {
  async fetch(request: Request, env: Env, ctx: Reader): Promise<Response> {
    pages ??= openCache(env)
    const path = new URL(request.url).pathname
    if (request.method === 'GET') {
      const page = await pages.get(path, ctx)
      return page === null ? new Response('There is no such page.', { status: 404 }) : new Response(page)
    }
    const written = writeAndForget(pages, path, new Request(env.ORIGIN_URL + path, request))
    ctx.waitUntil(written) // also when the client leaves
    return written
  },
}

async function writeAndForget(cache: Cache<string>, path: string, write: Request): Promise<Response> {
  const answer = await fetch(write)
  await cache.invalidate([path]) // after the write, before it is acknowledged
  return answer
}
