/** Tells what happens, line by line, each with the seconds since the start. */
export type Say = (text: string) => void

export function createProgress(): { readonly say: Say; seconds(): string } {
  const startedAtMs = performance.now()
  const seconds = () => ((performance.now() - startedAtMs) / 1000).toFixed(1)
  return { seconds, say: (text) => void process.stdout.write(`${seconds().padStart(6)} s  ${text}\n`) }
}
