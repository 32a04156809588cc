// @ts-check

/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('../../contract/demo.ts').DemoReaders['readers'][number]} Reader */
/** @typedef {import('../../contract/demo.ts').CrowdLine} CrowdLine */

/** What a development stack offers beside the API: people to read as, and a crowd. None of it exists in production. */
export const demo = {
  /** @returns {Promise<boolean>} */
  async isOffered() {
    const response = await fetch('/demo')
    return response.ok && (await response.json()).enabled === true
  },

  /**
   * @param {string} query
   * @param {string | undefined} viewerId
   * @param {AbortSignal} [signal]
   * @returns {Promise<readonly Reader[]>}
   */
  async readers(query, viewerId, signal) {
    const response = await ok(
      fetch(`/demo/readers?${new URLSearchParams({ query, ...(viewerId ? { viewer: viewerId } : {}) })}`, { signal: signal ?? null }),
    )
    return (await response.json()).readers
  },

  /**
   * @param {Reader} reader
   * @returns {Promise<Session>}
   */
  async sessionOf({ id, handle, name }) {
    const response = await ok(fetch(`/demo/readers/${id}/token`, { method: 'POST' }))
    return { token: (await response.json()).token, viewer: { id, handle, name } }
  },

  /**
   * Sends a crowd at one post, and tells how it goes.
   *
   * @param {{ post_id: string, readers: number, protected: boolean }} order
   * @param {(line: CrowdLine) => void} onLine
   */
  async crowd(order, onLine) {
    const headers = { 'content-type': 'application/json' }
    const response = await ok(fetch('/demo/crowd', { method: 'POST', headers, body: JSON.stringify(order) }))
    if (!response.body) return
    // Not every browser iterates over a stream.
    const stream = response.body.pipeThrough(new TextDecoderStream()).getReader()
    let rest = ''
    for (let part = await stream.read(); !part.done; part = await stream.read()) {
      const lines = (rest + part.value).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) if (line) onLine(JSON.parse(line))
    }
    if (rest) onLine(JSON.parse(rest))
  },
}

/** @param {Promise<Response>} asked */
async function ok(asked) {
  const response = await asked
  if (response.ok) return response
  const problem = await response.json().catch(() => ({}))
  throw new Error(problem.detail ?? `The server answered ${response.status}.`)
}
