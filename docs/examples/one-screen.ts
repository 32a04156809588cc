import { createCache, DEFAULTS, type Item, type Reader, redisTier } from 'tideline/cache'

type Product = { readonly name: string; readonly cents: number }
type Row = Product & { readonly id: string; readonly version: number }

export const cacheOf = (url: string, token: string, query: (ids: readonly string[], signal: AbortSignal) => Promise<Row[]>) =>
  createCache<Product>({
    // How values are had; `loadOne: (key, { signal }) => Promise<V | null>` for an origin that knows no other question.
    async load(keys, { signal }): Promise<Item<Product>[]> {
      const rows = await query(keys, signal) // a key that is left out is an absence
      return rows.map(({ id, version, name, cents }) => ({ key: id, value: { name, cents }, version }))
    },
    shared: redisTier({ url, token, prefix: 'products:', deadlineMs: 250 }), // without it each isolate is on its own
    // The rest may be left out. These are the defaults, all in milliseconds or bytes.
    lifetimes: { softMs: 30_000, hardMs: 600_000, graceMs: 3_600_000, absentMs: 2_000 },
    memoryBytes: 32 * 1024 * 1024,
    encode: JSON.stringify,
    decode: (text) => JSON.parse(text),
    sizeOf: ({ name }) => 120 + name.length, // plain data is weighed well enough without it
    observe: (event) => console.debug(event.type),
    settings: DEFAULTS,
  })

export async function use(products: ReturnType<typeof cacheOf>, ctx: Reader) {
  const one: Product | null = await products.get('17', ctx) // rejects only where nothing may be served
  const many: Map<string, Product | null> = await products.getMany(['17', '18'], ctx) // without what cannot be had
  const atOnce: Product | null | undefined = products.peek('17') // memory alone
  await products.invalidate(['17'], ctx) // after a write, before it is acknowledged
  return { one, many, atOnce }
}
