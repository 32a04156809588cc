import { afterAll, beforeAll, describe } from 'vitest'
import { atOnce } from './relations/at-once.ts'
import { told } from './relations/told.ts'
import { createWorld, type World } from './relations/world.ts'

let world: World
const theWorld = (): World => world
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world?.stack.stop())

describe('at once', () => atOnce(theWorld, 40))
describe('told', () => told(theWorld, 60))
