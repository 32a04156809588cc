import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** A loopback TCP port that nobody listened on a moment ago. Somebody else may take it before its user does. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
