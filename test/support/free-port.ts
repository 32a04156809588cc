import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below those that Linux gives to outgoing connections and to whoever asks for any port: nobody gets one of these by chance. */
const [LOWEST, HIGHEST] = [20_000, 32_000]
const ATTEMPTS = 100
const given = new Set<number>()

/** A loopback TCP port that nobody listened on a moment ago. Only another caller of this may take it before its user does, which is rare. */
export async function freePort(): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST))
    if (given.has(port)) continue
    const server = createServer()
    try {
      await once(server.listen(port, '127.0.0.1'), 'listening')
    } catch (error) {
      if (attempt === ATTEMPTS) throw error
      continue
    }
    server.close()
    await once(server, 'close')
    given.add(port)
    return port
  }
}
