import { expect, test } from 'vitest'
import { pageSchema } from '../../../contract/post.ts'
import { eventually } from '../../support/eventually.ts'
import { feedOf, lineOf, type TheWorld } from './world.ts'

export function writing(world: TheWorld): void {
  test('a post shows at once and as what was typed, and goes when its author deletes it', async () => {
    await using visit = await world().visitOfReader()
    const { page } = visit
    const text = '<img src=x onerror=alert(1)> & <script>alert(2)</script>\n\tsecond line 🌊'
    const readsOwnWrite = page.waitForRequest((request) => request.url().includes('/v1/feed/') && 'tideline-version' in request.headers())
    await page.getByLabel('Write a post').fill(text)
    await page.getByRole('button', { name: 'Post', exact: true }).click()
    await readsOwnWrite // the header does what the cookie would do
    const line = page.locator('#home-feed .post').first()
    await lineOf(page, 'onerror').waitFor()
    expect(await line.locator('.text').textContent()).toBe(text)
    expect(await page.locator('#home-feed img, #home-feed script').count()).toBe(0)
    await eventually(async () => expect(await page.getByLabel('Write a post').inputValue()).toBe(''))

    await line.getByRole('button', { name: 'Delete' }).click()
    await page.getByRole('button', { name: 'Keep it' }).click()
    expect(await lineOf(page, 'onerror').count()).toBe(1)
    await line.getByRole('button', { name: 'Delete' }).click()
    await page.locator('#confirm').getByRole('button', { name: 'Delete' }).click()
    await lineOf(page, 'onerror').waitFor({ state: 'detached' })
    await page.reload()
    await feedOf(page)
    expect(await lineOf(page, 'onerror').count()).toBe(0)
  })

  test('a post whose answer got lost is sent again with its key, and is there once', async () => {
    await using visit = await world().visitOfReader()
    const { page, complaints } = visit
    await page.route('**/v1/posts', async (route) => {
      await route.fetch() // it was done, and nobody hears of it
      await route.abort()
    })
    await page.getByLabel('Write a post').fill('said once')
    await page.getByRole('button', { name: 'Post', exact: true }).click()
    await page.getByText('Your text is still here').waitFor()
    await page.unroute('**/v1/posts')
    await page.getByRole('button', { name: 'Post', exact: true }).click()
    await lineOf(page, 'said once').waitFor()
    const { posts } = await world().reader.call('GET', `/v1/users/${world().reader.id}/posts?limit=100`)
    expect(posts.filter((post: { text: string }) => post.text === 'said once')).toHaveLength(1)
    for (const line of complaints.splice(0)) expect(line).toContain('ERR_FAILED')
  })

  test('a repost and a follow show at once, are there after a reload, and can be undone', async () => {
    await using visit = await world().visitOfReader()
    const { page } = visit
    const { reader } = world()
    const theirs = page.locator('#home-feed .post', { hasNot: page.locator('.danger') }).first()
    const id = (await theirs.getAttribute('data-post')) ?? ''
    const repost = page.locator(`#home-feed [data-post="${id}"] .action`).first()
    const repostsAfterReload = async () => {
      let isReloaded = false // the page of before may still wait for what it asked
      page.once('framenavigated', () => {
        isReloaded = true
      })
      const own = page.waitForResponse((response) => isReloaded && response.url().includes(`/v1/users/${reader.id}/posts`))
      await page.reload()
      return pageSchema.parse(await (await own).json()).posts.filter((post) => post.id === id)
    }
    /** Clicks until it shows at once, and waits for the answer. A click does nothing while the page reads the answer of the one before. */
    const press = async (button: typeof repost, path: string, pressed: 'true' | 'false') => {
      const answered = page.waitForResponse((response) => response.url().includes(path) && response.request().method() !== 'GET')
      await eventually(async () => {
        if ((await button.getAttribute('aria-pressed')) !== pressed) await button.click()
        expect(await button.getAttribute('aria-pressed')).toBe(pressed)
      })
      const answer = await answered
      expect(answer.ok()).toBe(true)
      await answer.finished()
      expect(await button.getAttribute('aria-pressed')).toBe(pressed)
    }

    await press(repost, '/repost', 'true')
    expect(await repostsAfterReload()).toHaveLength(1)
    await page.locator(`#home-feed [data-post="${id}"] .action[aria-pressed="true"]`).waitFor()
    await press(repost, '/repost', 'false')
    expect(await repostsAfterReload()).toEqual([])

    await page.locator('#reader').click()
    const row = page.locator('#people .person', { has: page.locator('.follow[aria-pressed="false"]') }).first()
    const handle = (await row.locator('.handle').textContent()) ?? ''
    const follow = page.locator('#people .person', { hasText: handle }).locator('.follow')
    await press(follow, '/follow', 'true')
    await page.getByRole('searchbox').fill(handle.slice(1))
    await page.locator('#people .person', { hasText: handle }).locator('.follow[aria-pressed="true"]').waitFor()
    await press(follow, '/follow', 'false')
  })
}
