import { Problem, renderProblem } from '../contract/problem.ts'
import { parseConfig } from './config.ts'
import { createWorker } from './wiring.ts'

/** The context workerd gives a request. */
interface Context {
  waitUntil(work: Promise<unknown>): void
  passThroughOnException(): void
}

/** One app per isolate, built by its first request: bindings are the same for all. */
let app: ReturnType<typeof createWorker> | undefined

export default {
  fetch(request: Request, env: unknown, context: Context): Response | Promise<Response> {
    try {
      app ??= createWorker(parseConfig(env))
    } catch (error) {
      console.error(error instanceof Error ? error.message : error)
      return renderProblem(new Problem('internal', 'The worker is not configured.'), crypto.randomUUID())
    }
    return app.fetch(request, env as object, context as never)
  },
}
