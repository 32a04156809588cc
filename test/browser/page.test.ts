import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findBrowser, HOW_TO_GET_ONE } from '../support/browser.ts'
import { crowds } from './page/crowds.ts'
import { docs } from './page/docs.ts'
import { layers } from './page/layers.ts'
import { looks } from './page/looks.ts'
import { reading } from './page/reading.ts'
import { tokens } from './page/tokens.ts'
import { createWorld, PICTURES_PLACE, type TheWorld } from './page/world.ts'
import { writing } from './page/writing.ts'

const program = await findBrowser()

if (program) {
  let world: ReturnType<TheWorld>
  const theWorld: TheWorld = () => world
  beforeAll(async () => {
    world = await createWorld(program)
  }, 240_000)
  afterAll(async () => {
    await world?.stop()
    process.stderr.write(`pictures of the reader page are in ${PICTURES_PLACE}\n`)
  })
  // In this order: the pictures show the demo graph before others have posted to it.
  describe('looks', () => looks(theWorld))
  describe('layers', () => layers(theWorld))
  describe('crowds', () => crowds(theWorld))
  describe('reading', () => reading(theWorld))
  describe('writing', () => writing(theWorld))
  describe('tokens', () => tokens(theWorld))
  describe('docs', () => docs(theWorld))
} else {
  process.stderr.write(`${HOW_TO_GET_ONE}\n`)
  test('CI has a browser', () => expect(process.env.CI, HOW_TO_GET_ONE).toBeUndefined())
}
