import type { Response } from 'playwright-core'
import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { choose, lookAgain, picture, type TheWorld } from './world.ts'

export function layers(world: TheWorld): void {
  test('badge, waterfall and log say what the headers say; memory answers the next read, a banner says what is amiss', async () => {
    await using visit = await world().visit()
    const { page } = visit
    await page.goto(world().url)
    const isFeed = (response: Response) => response.url().endsWith('/v1/feed/following?limit=30')
    const first = page.waitForResponse(isFeed)
    await choose(page)
    const headers = (await first).headers()
    const status = headers['cache-status'] ?? ''
    const layer = status.includes('tideline-l2; fwd') ? 'origin' : status.includes('tideline-l2; hit') ? 'L2' : 'memory'

    const row = page.locator('#requests .log li', { hasText: 'GET /feed/following' }).last()
    const badge = row.locator('.badge')
    expect(await badge.locator('strong').textContent()).toBe(layer)
    const ageMs = Number(headers['tideline-age'])
    expect(await badge.textContent()).toContain(`${ageMs < 1_000 ? `${ageMs} ms` : `${(ageMs / 1_000).toFixed(1)} s`} old`)
    await badge.click()
    const bars = await page
      .locator('#waterfall li')
      .evaluateAll((items) => items.map((item) => (item as HTMLElement).innerText.replace(/\s+/g, ' ')))
    const [total, ...waits] = (headers['server-timing'] ?? '').split(/, (?=\w+;dur)/).map((metric) => {
      const [, name, ms, what = ''] = /^(\w+);dur=([\d.]+)(?:;desc="(.*)")?$/.exec(metric) ?? []
      return { name: { l2: 'L2 (Redis)', origin: 'Origin', total: 'Worker' }[name ?? ''], ms, what }
    })
    expect(bars.slice(1)).toEqual([`Worker ${total?.ms} ms`, ...waits.map(({ name, ms, what }) => `${name} ${what} ${ms} ms`)])
    expect(bars[0]).toMatch(/^This page [\d.]+ m?s of it on the way [\d.]+ m?s$/)
    const counts = await page.locator('#waterfall .counts dd').allTextContents()
    expect(`memory=${counts[0]} shared=${counts[1]} origin=${counts[2]}`).toBe(/memory=\d+ shared=\d+ origin=\d+/.exec(status)?.[0])
    await page.getByText('The headers as they came').click()
    expect(await page.locator('#waterfall .headers').textContent()).toContain(status)
    await picture(page, 'waterfall')
    await page.keyboard.press('Escape')

    const homeBadge = page.locator('#home-badge .badge')
    await homeBadge.focus()
    await eventually(async () => {
      await lookAgain(page)
      expect(await homeBadge.locator('strong').textContent()).toBe('memory')
    })
    expect(await homeBadge.evaluate((element) => element === document.activeElement), 'it stays the same button').toBe(true)

    await page.route('**/v1/feed/following*', async (route) => {
      const response = await route.fetch()
      await route.fulfill({ response, headers: { ...response.headers(), 'tideline-degraded': 'l2-unavailable' } })
    })
    await lookAgain(page)
    await page.getByText('The shared cache cannot be asked right now').waitFor()
    await page.unroute('**/v1/feed/following*')
    await lookAgain(page)
    await page.locator('#banner').waitFor({ state: 'hidden' })
  })
}
