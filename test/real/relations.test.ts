import { afterAll, beforeAll, describe } from 'vitest'
import { atOnce } from './relations/at-once.ts'
import { routes } from './relations/routes.ts'
import { told } from './relations/told.ts'
import { createWorld, type World } from './relations/world.ts'

let world: World
const theWorld = (): World => world
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world?.stack.stop())

describe('routes', () => routes(theWorld))
describe('at once', () => atOnce(theWorld, 3))
describe('told', () => told(theWorld, 2))
