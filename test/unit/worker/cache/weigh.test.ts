import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'

interface Growth {
  readonly kind: string
  readonly entries: number
  /** What heap and buffers of V8 hold for them. */
  readonly grown: number
  readonly counted: number
  readonly textBytes: number
}

let growths: readonly Growth[] = []
beforeAll(async () => {
  const script = fileURLToPath(new URL('../../../support/memory-growth.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', script])
  growths = stdout
    .trim()
    .split('\n')
    .map((line): Growth => JSON.parse(line))
}, 60_000)

test('what memory says it holds is within 10 % of what V8 holds, for each kind of entry, a mix, and after much churn', () => {
  expect(growths.length).toBeGreaterThan(15)
  const shares = growths.map(({ kind, counted, grown }) => [kind, counted / grown] as const)
  expect(shares.filter(([, share]) => share < 0.9 || share > 1.1)).toEqual([])
})

test('the bytes of the values alone are off by more: no kind would be right', () => {
  expect(growths.filter(({ textBytes, grown }) => textBytes / grown > 0.9)).toEqual([])
})
