import { test } from 'vitest'
import { LAWS } from '../support/cache-histories.ts'

test.each(LAWS)('%s', (_, holds) => holds(200))
