/** An entry in a queue of a policy. */
export interface Node {
  readonly key: string
  value: unknown
  bytes: number
  /** Visited bit, or how often. */
  freq: number
  /** Which of a policy's queues holds it. */
  queue: Queue | undefined
  newer: Node | undefined
  older: Node | undefined
}

export const newNode = (key: string, value: unknown, bytes: number): Node => ({
  key,
  value,
  bytes,
  freq: 0,
  queue: undefined,
  newer: undefined,
  older: undefined,
})

/** A doubly linked queue that knows what it weighs. */
export class Queue {
  newest: Node | undefined
  oldest: Node | undefined
  bytes = 0

  push(node: Node): void {
    node.queue = this
    node.newer = undefined
    node.older = this.newest
    if (this.newest) this.newest.newer = node
    this.newest = node
    this.oldest ??= node
    this.bytes += node.bytes
  }
  remove(node: Node): void {
    if (node.newer) node.newer.older = node.older
    else this.newest = node.older
    if (node.older) node.older.newer = node.newer
    else this.oldest = node.newer
    this.bytes -= node.bytes
  }
}
