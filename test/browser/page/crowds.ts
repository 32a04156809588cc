import { expect, test } from 'vitest'
import { picture, type TheWorld } from './world.ts'

const READERS = 200

export function crowds(world: TheWorld): void {
  test('a crowd costs the origin one load with the protection on, and one for each reader with it off', async () => {
    await using visit = await world().visitOfReader()
    const { page } = visit
    await page.getByLabel('Readers').fill(String(READERS))
    // Out of view the page does not look for new posts, which would be one more load of this one.
    await page.evaluate(() => Object.defineProperty(document, 'visibilityState', { value: 'hidden' }))
    const run = async () => {
      await page.getByRole('button', { name: 'Send the crowd' }).click()
      await page.locator('#crowd button:enabled').waitFor()
      const [answered, failed, loads] = await page.locator('.crowd-numbers dd').allTextContents()
      return { answered, failed, loads, dots: await page.locator('.dots .load').count() }
    }
    expect(await run()).toEqual({ answered: `${READERS} of ${READERS}`, failed: '0', loads: '1', dots: 1 })
    await page.getByText('Protection', { exact: true }).click()
    const off = await run()
    expect(Number(off.loads)).toBe(READERS)
    expect(off.dots).toBe(READERS)
    expect(await page.locator('.run strong').allTextContents()).toEqual([off.loads, '1'])
    await picture(page, 'crowd')
  })
}
