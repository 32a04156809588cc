import { type CommandTable, read, write } from '../command.ts'
import { Pairs, wrongArity } from '../reply.ts'

/** The few commands on hashes that the façade's tests use; fields come back in the order they came in. */
export const hashes: CommandTable = {
  hget: read(3, ([key = '', field = ''], { keyspace }) => keyspace.hash(key)?.get(field) ?? null),
  hgetall: read(2, ([key = ''], { keyspace }) => new Pairs([...(keyspace.hash(key) ?? [])].flat())),
  hset: write(-4, ([key = '', ...fields], { keyspace }) => {
    if (fields.length % 2) throw wrongArity('hset')
    const hash = keyspace.hash(key) ?? new Map<string, string>()
    const before = hash.size
    for (let i = 0; i < fields.length; i += 2) hash.set(fields[i] ?? '', fields[i + 1] ?? '')
    keyspace.put(key, hash)
    return hash.size - before
  }),
}
