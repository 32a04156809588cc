import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { choose, findings, picture, type TheWorld } from './world.ts'

const overflow = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)

export function looks(world: TheWorld): void {
  test('nothing serious is found in either theme, in the page and its dialogs', async () => {
    await using visit = await world().visit()
    const { page } = visit
    const isFine = async (name: string) => {
      for (const [colorScheme, ...rules] of [['dark', 'color-contrast'], ['light']] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        expect(await findings(page, ...rules), `${name}, ${colorScheme}`).toEqual([])
        if (name === 'feed') await picture(page, `desktop-${colorScheme}`)
      }
    }
    await page.goto(world().url)
    await page.locator('.person').first().waitFor()
    await isFine('choice')
    await choose(page)
    await page.locator('#requests .badge').nth(1).waitFor()
    await isFine('feed')
    await page.locator('#home-badge .badge').click()
    await isFine('waterfall')
    await page.keyboard.press('Escape')
    await page.locator('#reader').click()
    await page.locator('#people .person').first().waitFor()
    await isFine('people')
    await page.keyboard.press('Escape')
    await page.locator('#home-feed .byline .name').first().click()
    await page.locator('#author .post').first().waitFor()
    await isFine('author')
  })

  test('the theme follows the system until its button is used, and is kept', async () => {
    await using visit = await world().visit({ colorScheme: 'dark' })
    const { page } = visit
    const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    await page.goto(world().url)
    const dark = await paper()
    await page.getByRole('button', { name: 'Change to the light theme' }).click()
    const light = await paper()
    expect(light).not.toBe(dark)
    await page.reload()
    expect(await paper()).toBe(light)
  })

  test('on a phone one part is shown at a time, and nothing is wider than the screen', async () => {
    await using visit = await world().visit({ viewport: { width: 360, height: 740 } })
    const { page } = visit
    await page.goto(world().url)
    await page.locator('.person').first().waitFor()
    expect(await overflow(page)).toBeLessThanOrEqual(0)
    await choose(page)
    expect(await overflow(page)).toBeLessThanOrEqual(0)
    expect(await page.locator('#crowd').isVisible()).toBe(false)
    await picture(page, 'phone')
    for (const part of ['Crowd', 'Requests'] as const) {
      await page.locator('#tabs').getByRole('button', { name: part }).click()
      expect(await page.getByRole('heading', { name: part }).isVisible()).toBe(true)
      expect(await page.locator('#home').isVisible()).toBe(false)
      expect(await overflow(page)).toBeLessThanOrEqual(0)
    }
    expect(await findings(page)).toEqual([])
    await page.locator('#tabs').getByRole('button', { name: 'Feed' }).click()
    await page.locator('#home-badge .badge').click()
    expect(await overflow(page)).toBeLessThanOrEqual(0)
  })
}
