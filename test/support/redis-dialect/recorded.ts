import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import * as z from 'zod'
import type { Player } from './players.ts'
import { anySequence } from './sequences.ts'
import type { Step } from './step.ts'

export const RECORDED_FILE = fileURLToPath(new URL('./recorded.json', import.meta.url))
const SEED = 20_261_121
const SEQUENCES = 500

const recordedSchema = z.object({ redis: z.string(), digests: z.array(z.string()) })
/** What a real Redis answered to `recordedSequences`: a digest for each, of all its bytes. */
export type Recorded = z.infer<typeof recordedSchema>

export const readRecorded = async (): Promise<Recorded> => recordedSchema.parse(JSON.parse(await readFile(RECORDED_FILE, 'utf8')))

/** The sequences that were recorded: fast-check makes the same ones from the same seed, as long as it and they stay as they are. */
export const recordedSequences = (): readonly Step[][] => fc.sample(anySequence, { seed: SEED, numRuns: SEQUENCES })

/** The digests of what `play` answers to them, or to the first of them. */
export async function digestsOf(play: Player, most = SEQUENCES): Promise<string[]> {
  const digests: string[] = []
  for (const steps of recordedSequences().slice(0, most)) {
    digests.push(
      createHash('sha256')
        .update(await play(steps), 'latin1')
        .digest('hex')
        .slice(0, 16),
    )
  }
  return digests
}
