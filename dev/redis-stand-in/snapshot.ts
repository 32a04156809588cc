import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import * as z from 'zod'
import { UsageError } from '../command-line.ts'
import type { Keyspace, Value } from './keyspace.ts'

const HEADER = 'tideline redis stand-in 1'
const lineSchema = z.tuple([
  z.string(),
  z.number().nullable(),
  z.union([z.string(), z.object({ hash: z.array(z.tuple([z.string(), z.string()])) }), z.object({ list: z.array(z.string()) })]),
])
type Line = z.infer<typeof lineSchema>

/** Writes every key with its end and its value: a header, then a line of JSON per key, complete or not at all. */
export function writeSnapshot(file: string, keyspace: Keyspace): void {
  const lines = keyspace.keys().map((key): Line => [key, keyspace.endsAtMs(key) ?? null, packed(keyspace.get(key) ?? '')])
  writeFileSync(`${file}.new`, `${[HEADER, ...lines.map((line) => JSON.stringify(line))].join('\n')}\n`)
  renameSync(`${file}.new`, file)
}

/** Puts what a snapshot holds into an empty keyspace; nothing where there is no file. Throws `UsageError` for a file of another make. */
export function readSnapshot(file: string, keyspace: Keyspace): void {
  if (!existsSync(file)) return
  const [header, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n')
  if (header !== HEADER) throw new UsageError(`${file} is not a snapshot of the stand-in: move it away, or start the Redis that wrote it`)
  for (const line of lines) {
    const [key, endsAtMs, value] = lineSchema.parse(JSON.parse(line))
    keyspace.put(key, unpacked(value))
    if (endsAtMs !== null) keyspace.expireAt(key, endsAtMs)
  }
}

const packed = (value: Value): Line[2] =>
  typeof value === 'string' ? value : Array.isArray(value) ? { list: value } : { hash: [...value] }

const unpacked = (value: Line[2]): Value => (typeof value === 'string' ? value : 'list' in value ? value.list : new Map(value.hash))
