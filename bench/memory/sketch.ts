/** How often keys were asked for, roughly: a count-min sketch of four rows whose counters end at 15 and are halved now and then. */
export function createSketch(entries: number) {
  const width = 2 ** Math.ceil(Math.log2(Math.max(64, entries)))
  const rows = new Uint8Array(4 * width)
  let noted = 0
  const hashOf = (key: string): number => {
    let hash = 0x811c9dc5
    for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
    return hash
  }
  const placeIn = (row: number, hash: number): number =>
    row * width + ((Math.imul(hash ^ (hash >>> 15), 0x9e3779b1 + 2 * row) >>> 8) & (width - 1))
  return {
    note(key: string): void {
      const hash = hashOf(key)
      for (let row = 0; row < 4; row++) {
        const place = placeIn(row, hash)
        const count = rows[place] ?? 0
        if (count < 15) rows[place] = count + 1
      }
      if (++noted < 10 * width) return
      noted = 0
      for (let place = 0; place < rows.length; place++) rows[place] = (rows[place] ?? 0) >> 1
    },
    of(key: string): number {
      const hash = hashOf(key)
      let least = 15
      for (let row = 0; row < 4; row++) least = Math.min(least, rows[placeIn(row, hash)] ?? 0)
      return least
    },
  }
}
