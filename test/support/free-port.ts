import { pickQuietPort } from '../../dev/ports.ts'

const given = new Set<number>()

/**
 * A loopback TCP port that nobody listened on a moment ago, and that this process was not given before. It lies where no outgoing connection and no server that takes
 * any port gets one, so that it is still free when its user comes to listen, and when one that was killed is started again.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await pickQuietPort()
    if (given.has(port)) continue
    given.add(port)
    return port
  }
}
