/**
 * A Worker around one cache: `GET /get?key=K&ms=N` reads a key whose load is a fetch from an origin that takes N milliseconds.
 * `make` gives what reads in one request: `(key, load) => promise`.
 */
export const serve = (make) => ({
  async fetch(request, env, ctx) {
    const url = new URL(request.url)
    if (url.pathname !== '/get') return new Response('ready')
    const key = url.searchParams.get('key')
    const load = async () => {
      const response = await fetch(`${env.ORIGIN}/?${url.searchParams}`)
      if (!response.ok) throw new Error(`the origin said ${response.status}`)
      return await response.json()
    }
    try {
      return Response.json(await make(env, ctx)(key, load))
    } catch (error) {
      return new Response(String(error), { status: 500 })
    }
  },
})
