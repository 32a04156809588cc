import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addresses } from './bad-input/addresses.ts'
import { whateverComes } from './bad-input/anything.ts'
import { bodies } from './bad-input/bodies.ts'
import { cursors } from './bad-input/cursors.ts'
import { tokens } from './bad-input/tokens.ts'
import { createWorld, type World } from './bad-input/world.ts'

let world: World
const theWorld = (): World => world
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world?.stack.stop())

describe('a body', () => bodies(theWorld))
describe('a cursor', () => cursors(theWorld))
describe('a token', () => tokens(theWorld))
describe('an address', () => addresses(theWorld))
describe('anything', () => whateverComes(theWorld))

test('nothing was written by all of this', async () => {
  expect(await world.rows()).toEqual(world.before)
})
