import { test } from 'vitest'
import { LAWS } from '../support/cache-histories.ts'

test.each(LAWS)('%s: over 10,000 histories', (_, holds) => holds(10_000), 600_000)
