import { type CommandTable, type Run, read, write } from '../command.ts'
import { parseInt64 } from '../reply.ts'
import { listRange } from './range.ts'

/** The few commands on lists that the façade's tests use. */
export const lists: CommandTable = {
  lpush: write(
    -3,
    push((list, items) => list.unshift(...items.toReversed())),
  ),
  rpush: write(
    -3,
    push((list, items) => list.push(...items)),
  ),
  llen: read(2, ([key = ''], { keyspace }) => keyspace.list(key)?.length ?? 0),
  lrange: read(4, ([key = '', from = '', to = ''], { keyspace }) => {
    const [start, end] = [parseInt64(from), parseInt64(to)]
    const list = keyspace.list(key) ?? []
    return list.slice(...listRange(start, end, list.length))
  }),
}

function push(add: (list: string[], items: readonly string[]) => number): Run {
  return ([key = '', ...items], { keyspace }) => {
    const list = keyspace.list(key) ?? []
    keyspace.put(key, list)
    return add(list, items)
  }
}
