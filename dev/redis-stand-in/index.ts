import { createServer } from 'node:net'
import { join } from 'node:path'
import { lineOf, parseCount, runCommand } from '../command-line.ts'
import { createEngine } from './engine.ts'
import { openSession } from './session.ts'
import { parseSettings } from './settings.ts'
import { readSnapshot, writeSnapshot } from './snapshot.ts'

/** Every so often, so many keys with an end are looked at, that memory does not grow with keys nobody asks for. */
const SWEEP_EVERY_MS = 100
const SWEPT_AT_ONCE = 1_000

/** A small Redis in a process of its own, started with redis-server's arguments: docs/decisions/0007-redis-stand-in.md. */
async function main(args: string[]): Promise<void> {
  const settings = parseSettings(args)
  const setting = (name: string) => settings.get(name) ?? ''
  const file = join(setting('dir'), setting('dbfilename'))
  const say = (line: string) => process.stdout.write(`${line}\n`)

  const save = () => writeSnapshot(file, engine.keyspace)
  const end = (saves: boolean) => {
    try {
      if (saves) save()
      process.exit(0)
    } catch (error) {
      say(`the snapshot cannot be written: ${lineOf(error)}`)
      process.exit(1)
    }
  }
  const savesAtEnd = () => setting('save') !== ''
  const shutdown = (saves: boolean | undefined) => void setImmediate(() => end(saves ?? savesAtEnd()))
  const engine = await createEngine({ clock: { nowMs: Date.now }, server: { settings, save, shutdown } })
  readSnapshot(file, engine.keyspace)

  const server = createServer({ noDelay: true }, (socket) => {
    const session = openSession(engine)
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      const answer = session.receive(chunk)
      if (session.leaving) socket.end(answer)
      else if (answer.length > 0) socket.write(answer)
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(parseCount('--port', setting('port'), 1, 65_535), setting('bind'), resolve)
  })
  setInterval(() => engine.keyspace.sweep(SWEPT_AT_ONCE), SWEEP_EVERY_MS).unref()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end(savesAtEnd()))
  say(`stand-in for Redis (process ${process.pid}) on ${setting('bind')}:${setting('port')}. Ready to accept connections`)
}

await runCommand(main)
