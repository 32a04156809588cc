import { afterAll, beforeAll, describe, vi } from 'vitest'
import { atOnce } from './relations/at-once.ts'
import { told } from './relations/told.ts'
import { createWorld, type World } from './relations/world.ts'

vi.setConfig({ testTimeout: 600_000 })

let world: World
const theWorld = (): World => world
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world?.stack.stop())

describe('at once', () => atOnce(theWorld, 20))
describe('told', () => told(theWorld, 40))
