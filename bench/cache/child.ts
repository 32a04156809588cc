import { enableCompileCache } from 'node:module'
import type { Handlers } from './process.ts'

enableCompileCache() // hundreds of processes import the same

/** The other end of process.ts. */
let handlers: Handlers = {}

process.on('message', ({ id, what, argument }: { id: number; what: string; argument: never }) => {
  perform(what, argument).then(
    (result) => process.send?.({ id, result }),
    (error: unknown) => process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  )
})
process.on('disconnect', () => process.exit())

async function perform(what: string, argument: never): Promise<unknown> {
  if (what !== 'open') return handlers[what]?.(argument)
  const { module, options } = argument as { module: string; options: unknown }
  handlers = await (await import(module)).open(options)
}
