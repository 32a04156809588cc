import { Problem } from './problem.ts'

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
