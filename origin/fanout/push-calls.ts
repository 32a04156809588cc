import { MAX_PUSHED_ENTRIES, MAX_PUSHED_KEYS } from '../../contract/l2/calls.ts'
import { keyOf } from '../../contract/l2/keys.ts'
import type { Chunk } from '../db/chunks.ts'
import { type Delivery, ID_DIGITS } from './l2-port.ts'

/** A call of a push: it carries the entries of the chunks from `from` to before `to`. */
export interface PushCall {
  readonly from: number
  readonly to: number
  readonly deliveries: readonly Delivery[]
}

/** In as few calls as there can be: a chunk may begin in one and go on in the next. */
export function pushCallsOf(chunks: readonly Chunk[]): PushCall[] {
  const calls: { from: number; to: number; deliveries: Delivery[] }[] = []
  let room = 0
  /** The call that takes the next key of this chunk. */
  const callFor = (chunk: number) => {
    const last = calls.at(-1)
    const call = last && room > 0 && chunk - last.from < MAX_PUSHED_ENTRIES ? last : { from: chunk, to: chunk, deliveries: [] }
    if (call !== last) {
      calls.push(call)
      room = MAX_PUSHED_KEYS
    }
    call.to = chunk + 1
    return call
  }
  for (const [i, { entry, afterViewer, viewers }] of chunks.entries()) {
    // The first chunk of an activity also carries it to its author's own list: for a pulled author that is all there is.
    if (afterViewer === 0n) {
      const { from, deliveries } = callFor(i)
      deliveries.push({ key: keyOf.author(entry.actorId, entry.audience), entry: i - from })
      room--
    }
    for (let at = 0; at < viewers.length; ) {
      const { from, deliveries } = callFor(i)
      const part = viewers.slice(at, at + room * ID_DIGITS)
      deliveries.push({ viewers: part, entry: i - from })
      room -= part.length / ID_DIGITS
      at += part.length
    }
  }
  return calls
}
