import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Say } from './progress.ts'

/** Below what systems give to outgoing connections: a port that is free now is still free when its server comes to listen. */
const QUIET_RANGE = [20_000, 30_000] as const

/**
 * A loopback port for each wish: the wished one, or the next free one, which is said. Somebody else may take it before we do; then
 * whoever was to listen there says so.
 */
export async function pickPorts<Name extends string>(wishes: Readonly<Record<Name, number>>, say: Say): Promise<Record<Name, number>> {
  const names = Object.keys(wishes) as Name[]
  const spokenFor = new Set<number>(names.map((name) => wishes[name]))
  const picked: Partial<Record<Name, number>> = {}
  for (const name of names) {
    const wished = wishes[name]
    let port = wished
    while (!(await isFree(port))) {
      do port = port >= 65_535 ? 1_024 : port + 1
      while (spokenFor.has(port))
      if (port === wished) throw new Error('no port of 127.0.0.1 is free')
    }
    spokenFor.add(port)
    picked[name] = port
    if (port !== wished) say(`port ${wished} is taken, the next free one is ${port} (${name})`)
  }
  return picked as Record<Name, number>
}

/** A loopback port nobody asks for by number: that of the last time if it is free, else any. */
export async function pickQuietPort(lastUrl?: string): Promise<number> {
  let port = Number(lastUrl && URL.parse(lastUrl)?.port) || randomInt(...QUIET_RANGE)
  while (!(await isFree(port))) port = randomInt(...QUIET_RANGE)
  return port
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening')
    server.close()
    await once(server, 'close')
    return true
  } catch {
    return false // taken, or below 1024 and not ours
  }
}
