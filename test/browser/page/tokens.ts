import { expect, test } from 'vitest'
import { feedOf, findings, type TheWorld } from './world.ts'

export function tokens(world: TheWorld): void {
  // The stack of the tests is a development stack: that there is nothing to choose from is the one answer that is made up here.
  test('where nobody can be chosen, a token is asked for and kept for this tab alone', async () => {
    await using visit = await world().visit()
    const { page, context } = visit
    await page.route('**/demo', (route) => route.fulfill({ json: { enabled: false } }))
    const asked: string[] = []
    page.on('request', (request) => asked.push(new URL(request.url()).pathname))
    await page.goto(world().url)
    const field = page.getByLabel('Bearer token')
    await field.fill('no token')
    await field.press('Enter')
    await page.getByText('That is no bearer token').waitFor()
    expect(await findings(page)).toEqual([])
    await field.fill(world().reader.token)
    await field.press('Enter')
    await feedOf(page)
    expect(await page.locator('#crowd').isVisible()).toBe(false)
    expect(await page.locator('.post').getByRole('button', { name: 'Crowd' }).count()).toBe(0)
    await page.locator('#home-feed .byline .name').first().click()
    await page.locator('#author .post').first().waitFor()
    expect(asked.filter((path) => path.startsWith('/demo/'))).toEqual([])
    expect(await page.evaluate(() => Object.keys(localStorage))).toEqual([])
    const other = await context.newPage()
    await other.route('**/demo', (route) => route.fulfill({ json: { enabled: false } }))
    await other.goto(world().url)
    await other.getByLabel('Bearer token').waitFor()
  })

  test('a token that is no longer good leads back to the choice', async () => {
    await using visit = await world().visit()
    const { page, complaints } = visit
    await page.goto(world().url)
    const viewer = { id: '1900000000000000000', handle: 'x', name: 'X' }
    await page.evaluate((stored) => sessionStorage.setItem('tideline-session', stored), JSON.stringify({ token: 'a.b.c', viewer }))
    // The feed and the reader's own posts: each refusal is complained of.
    const refused = ['/v1/feed/', `/v1/users/${viewer.id}/posts`].map((path) =>
      page.waitForResponse((response) => response.url().includes(path) && response.status() === 401),
    )
    await page.reload()
    await page.getByText('This token is no longer good').waitFor()
    await Promise.all(refused)
    await page.locator('#welcome .person').first().waitFor()
    for (const line of complaints.splice(0)) expect(line).toContain('401')
  })
}
