import { afterAll, beforeAll, describe } from 'vitest'
import { routes } from './relations/routes.ts'
import { createWorld, type World } from './relations/world.ts'

let world: World
const theWorld = (): World => world
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world?.stack.stop())

describe('routes', () => routes(theWorld))
