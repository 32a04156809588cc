import * as z from 'zod'

/** 2010-11-04T01:42:54.657Z, the moment snowflake ids count from (epoch milliseconds). */
export const EPOCH_MS = 1_288_834_974_657

/** The largest id a signed 64-bit column holds. */
const MAX_ID = '9223372036854775807'

/**
 * A snowflake id as it travels: a decimal string of exactly 19 digits. 41 bits of milliseconds since `EPOCH_MS`, 10 bits
 * of machine, 12 bits of sequence. Never a JSON number: those ids pass 2^53. Fixed width makes string order id order.
 */
export const idSchema = z
  .string()
  .regex(/^[1-9]\d{18}$/, 'an id is a string of 19 digits')
  .refine((id) => id <= MAX_ID, 'an id fits into 63 bits')
  .describe('A snowflake of 63 bits as a decimal string of 19 digits. Ids sort by time.')

export type Id = string

/** True when `text` is an id; for places where a zod error would say too much. */
export const isId = (text: string): text is Id => /^[1-9]\d{18}$/.test(text) && text <= MAX_ID

/** The moment an id was minted, epoch milliseconds. */
export const mintedAtMs = (id: Id): number => Number(BigInt(id) >> 22n) + EPOCH_MS

/** The smallest id that can be minted at `atMs`: a watermark to compare ids with. */
export const firstIdAt = (atMs: number): bigint => BigInt(Math.max(0, atMs - EPOCH_MS)) << 22n
