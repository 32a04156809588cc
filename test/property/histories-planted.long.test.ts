import { test } from 'vitest'
import { expectFound } from '../histories/hold.ts'
import { PLANTS, type Plant } from '../histories/twin/plants.ts'

/** What a minute of one core has room for. */
const HISTORIES = 2_500

test.each(Object.keys(PLANTS) as Plant[])('a planted bug is found within a minute: %s', (plant) => expectFound(plant, HISTORIES), 600_000)
