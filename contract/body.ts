import { invalid, Problem } from './problem.ts'

/** Reads a body and no further than it may go: one without a Content-Length could fill the memory. Throws `too-large`. */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = () => new Problem('too-large', `A body has at most ${maxBytes} bytes.`)
  const reader = request.body?.getReader()
  if (!reader) return new Uint8Array()
  const declared = Number(request.headers.get('content-length') ?? maxBytes)
  if (declared > maxBytes) throw tooLarge()
  const body = new Uint8Array(declared)
  let length = 0
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    if (length + read.value.length > declared) {
      await reader.cancel()
      throw tooLarge()
    }
    body.set(read.value, length)
    length += read.value.length
  }
  return length === declared ? body : body.slice(0, length)
}

const decoder = new TextDecoder('utf-8', { fatal: true })

/** What a schema of the contract can do. */
export interface Schema<T> {
  safeParse(value: unknown): { readonly success: true; readonly data: T } | { readonly success: false; readonly error: Invalid }
}
interface Invalid {
  readonly issues: Parameters<typeof invalid>[1]
}

/** A body as what `schema` describes, or the problem that says which field is wrong. */
export function parseJson<T>(contentType: string | undefined, body: Uint8Array, schema: Schema<T>): T {
  if (!/^application\/(?:[a-z.+-]+\+)?json\s*(?:;|$)/i.test(contentType ?? ''))
    throw new Problem('unsupported-media-type', 'Send JSON as application/json.')
  let json: unknown
  try {
    json = JSON.parse(decoder.decode(body))
  } catch (cause) {
    throw new Problem('bad-json', 'The body is not well-formed JSON in UTF-8.', { cause })
  }
  const parsed = schema.safeParse(json)
  if (!parsed.success) throw invalid('The body is not valid', parsed.error.issues)
  return parsed.data
}
