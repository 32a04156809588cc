import { expect, test } from 'vitest'
import { PROBLEMS } from '../../../contract/problem.ts'
import { operationsOf } from '../../../web/docs/document.js'
import { theDocument } from '../../support/openapi.ts'
import { findings, picture, type TheWorld } from './world.ts'

export function docs(world: TheWorld): void {
  test('the page of the API shows every operation, schema and problem, in both themes without a serious finding', async () => {
    await using visit = await world().visit()
    const { page } = visit
    await page.goto(`${world().url}/docs`)
    await page.locator('article').first().waitFor()
    const document = theDocument()
    const ids = [
      ...operationsOf(document).map(({ operation }) => operation.operationId),
      ...Object.keys(document.components.schemas).map((name) => `schema-${name}`),
      ...Object.keys(PROBLEMS).map((slug) => `problem-${slug}`),
    ]
    expect((await page.locator('article').evaluateAll((cards) => cards.map(({ id }) => id))).sort()).toEqual(ids.sort())
    const dead = await page.evaluate(() =>
      [...window.document.querySelectorAll('a[href^="#"]')]
        .map((link) => link.getAttribute('href'))
        .filter((to) => !window.document.querySelector(to ?? '')),
    )
    expect(dead).toEqual([])
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      expect(await findings(page), colorScheme).toEqual([])
      await picture(page, `docs-${colorScheme}`)
    }
  })

  test('a link leads to its operation, "/" filters, and a link to what is filtered away brings it back', async () => {
    await using visit = await world().visit()
    const { page } = visit
    await page.goto(`${world().url}/docs#putUser`)
    const putUser = page.locator('#putUser')
    await putUser.waitFor()
    await expect.poll(() => putUser.evaluate((card) => Math.round(card.getBoundingClientRect().top))).toBeLessThan(200)
    await page.keyboard.press('/')
    await page.keyboard.type('repost delete')
    expect(await page.locator('article:visible').evaluateAll((cards) => cards.map(({ id }) => id))).toEqual(['deleteRepost'])
    expect(await page.getByRole('status').first().textContent()).toMatch(/^1 of \d+$/)
    await page.evaluate(() => {
      location.hash = '#getPost'
    })
    await page.locator('#getPost').waitFor()
    expect(await page.locator('#filter').inputValue()).toBe('')
  })

  test('on a phone it is not wider than the screen, and its contents are folded', async () => {
    await using visit = await world().visit({ viewport: { width: 360, height: 740 } })
    const { page } = visit
    await page.goto(`${world().url}/docs`)
    await page.locator('article').first().waitFor()
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0)
    expect(await page.locator('#contents').isVisible()).toBe(false)
    await picture(page, 'docs-phone')
  })
}
