/**
 * A worker as it is often written: requests for the same path share one promise. It is right in any single-threaded server and wrong in
 * workerd, where what a request began ends when its client leaves, and whoever waits for it waits for ever.
 */
const inTheAir = new Map()

async function load(path, env) {
  try {
    const response = await fetch(`${env.ORIGIN_URL}/healthz?for=${path}`)
    return await response.text()
  } finally {
    inTheAir.delete(path)
  }
}

export default {
  async fetch(request, env) {
    const path = new URL(request.url).pathname
    if (path === '/healthz') return new Response('ok')
    let shared = inTheAir.get(path)
    if (!shared) {
      shared = load(path, env)
      inTheAir.set(path, shared)
    }
    return new Response(await shared)
  },
}
