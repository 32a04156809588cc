import { afterAll, beforeAll, describe } from 'vitest'
import { browsers } from './http/browsers.ts'
import { internal } from './http/internal.ts'
import { reads } from './http/reads.ts'
import { relations } from './http/relations.ts'
import { rotation } from './http/rotation.ts'
import { users } from './http/users.ts'
import { createWorld, type World } from './http/world.ts'
import { writes } from './http/writes.ts'

let world: World
const theWorld = (): World => world
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world?.stack.stop())

// Each of these tests has people of its own, so they need not wait for each other's two seconds.
describe.concurrent('reads', () => reads(theWorld))
describe.concurrent('browsers', () => browsers(theWorld))
describe.concurrent('writes', () => writes(theWorld))
describe.concurrent('relations', () => relations(theWorld))
describe.concurrent('users', () => users(theWorld))
describe.concurrent('rotation', () => rotation(theWorld))
describe('the origin', () => internal(theWorld))
