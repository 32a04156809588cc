import { Agent, type IncomingHttpHeaders, request } from 'node:http'

/** What a client can know of its requests without asking us. */
export interface Counted {
  requests: number
  /** By pattern of route and status class, for instance `/v1/posts/:id 2xx`. */
  readonly kinds: Map<string, number>
  /** The parts of all answers by layer, from `Cache-Status`. */
  readonly answers: { memory: number; shared: number; origin: number }
}

export interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Ask {
  readonly route: string
  readonly path: string
  readonly method?: string
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A client over kept connections that counts what it is answered. */
export function createCountingClient(urls: readonly string[]) {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 })
  const counted: Counted = { requests: 0, kinds: new Map(), answers: { memory: 0, shared: 0, origin: 0 } }

  function count(route: string, { status, headers }: Answered): void {
    counted.requests++
    const kind = `${route} ${Math.floor(status / 100)}xx`
    counted.kinds.set(kind, (counted.kinds.get(kind) ?? 0) + 1)
    const [, memory, shared, origin] = /memory=(\d+) shared=(\d+) origin=(\d+)/.exec(String(headers['cache-status'])) ?? []
    counted.answers.memory += Number(memory ?? 0)
    counted.answers.shared += Number(shared ?? 0)
    counted.answers.origin += Number(origin ?? 0)
  }

  return {
    counted,
    ask(ask: Ask, isolate: number): Promise<Answered> {
      const { route, path, method = 'GET', token, headers = {}, body } = ask
      const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
      const type = body === undefined ? {} : { 'content-type': 'application/json' }
      return new Promise((resolve, reject) => {
        const url = urls[isolate % urls.length] + path
        const asked = request(url, { agent, method, headers: { ...authorization, ...type, ...headers } }, (answer) => {
          let text = ''
          answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
          answer.on('error', reject).on('end', () => {
            const answered = { status: answer.statusCode ?? 0, headers: answer.headers, body: text }
            count(route, answered)
            resolve(answered)
          })
        })
        // workerd ends a connection that was idle for 5 s, maybe in the moment in which it is used again: then it has seen nothing of the request.
        const wasClosed = (error: NodeJS.ErrnoException) => asked.reusedSocket && /^(ECONNRESET|EPIPE)$/.test(error.code ?? '')
        asked.on('error', (error) => (wasClosed(error) ? resolve(this.ask(ask, isolate)) : reject(error)))
        asked.end(body)
      })
    },
    close: () => agent.destroy(),
  }
}
