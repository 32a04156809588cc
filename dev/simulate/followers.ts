/** Which active readers follow an author, as the simulation's own writes leave it. */
export interface Followers {
  has(author: string, reader: string): boolean
  add(author: string, reader: string): void
  remove(author: string, reader: string): void
  /** One of them for u in [0, 1). */
  some(author: string, u: number): string | undefined
}

export function createFollowers(follows: readonly { readonly follower: string; readonly followee: string }[]): Followers {
  const readersOf = new Map<string, Set<string>>()
  const add = (author: string, reader: string): void => {
    const readers = readersOf.get(author) ?? new Set()
    readersOf.set(author, readers.add(reader))
  }
  for (const { follower, followee } of follows) add(followee, follower)
  return {
    add,
    has: (author, reader) => readersOf.get(author)?.has(reader) ?? false,
    remove: (author, reader) => void readersOf.get(author)?.delete(reader),
    some: (author, u) => {
      const readers = [...(readersOf.get(author) ?? [])]
      return readers[Math.floor(u * readers.length)]
    },
  }
}
