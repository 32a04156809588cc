interface Options {
  readonly originUrl: string
  readonly redisUrl: string
  readonly redisToken: string
  /** A probe is given up after this (milliseconds). */
  readonly deadlineMs: number
  readonly timeoutSignal: (ms: number) => AbortSignal
}

/** Whether Redis and the origin answer, for `/readyz`. PING is the one command that Upstash does not charge. */
export function createProbes({ originUrl, redisUrl, redisToken, deadlineMs, timeoutSignal }: Options) {
  async function answersWell(url: URL, headers: Record<string, string>): Promise<boolean> {
    const response = await fetch(url, { headers, redirect: 'manual', signal: timeoutSignal(deadlineMs) })
    await response.arrayBuffer() // a body left unread holds its connection
    return response.ok
  }
  return {
    l2: () => answersWell(new URL('/ping', redisUrl), { authorization: `Bearer ${redisToken}` }),
    origin: () => answersWell(new URL('/readyz', originUrl), {}),
  }
}
