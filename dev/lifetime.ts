/** Somebody asked us to end. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

interface Part {
  stop(): Promise<void>
}

/** The life of everything a command starts: it ends once, for one reason, and then everything stops in the opposite order. */
export interface Lifetime {
  readonly signal: AbortSignal
  /** Rejects with the reason. */
  readonly ended: Promise<never>
  /** Ends it. Only the first reason counts. */
  end(reason: unknown): void
  /**
   * Starts a part, which is stopped before those begun earlier. A part whose start waits for others may begin at once. Throws the
   * reason when the life ends; the start is then awaited and undone by `stopAll`.
   */
  start<T extends Part>(open: () => Promise<T>): Promise<T>
  /** Does a piece of work, or throws the reason as soon as the life ends. Work that fails ends the life. */
  during<T>(work: () => Promise<T>): Promise<T>
  stopAll(): Promise<void>
}

export function createLifetime(): Lifetime {
  const over = new AbortController()
  const { signal } = over
  const ended = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  ended.catch(() => {})
  const parts: Promise<Part | undefined>[] = []

  const end = (reason: unknown) => over.abort(reason)
  const begin = async <T>(work: () => Promise<T>): Promise<T> => {
    signal.throwIfAborted()
    try {
      return await work()
    } catch (error) {
      end(error)
      throw error
    }
  }
  /** The answer of `work` unless the life ends first; a refusal nobody waits for is no accident. */
  const orEnd = <T>(work: Promise<T>): Promise<T> => {
    const first = Promise.race([work, ended])
    first.catch(() => {})
    return first
  }
  return {
    signal,
    ended,
    end,
    during: (work) => orEnd(begin(work)),
    start(open) {
      const opened = begin(open)
      parts.push(opened.catch(() => undefined))
      return orEnd(opened)
    },
    async stopAll() {
      for (const part of parts.toReversed()) await (await part)?.stop()
    },
  }
}
