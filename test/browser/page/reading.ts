import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { type Page as Feed, pageSchema } from '../../../contract/post.ts'
import { eventually } from '../../support/eventually.ts'
import { inView, lineOf, lookAgain, READER, type TheWorld, withoutAJump } from './world.ts'

const FEED = '/v1/feed/following'
/** As web/app/scroll.js has it. */
const PAGE_SIZE = 30

/** Waits until the pill says this; the page looks again and again. */
const pillSays = (page: Page, text: string) =>
  eventually(async () => {
    await lookAgain(page)
    expect(await page.locator('.pill').textContent({ timeout: 1_000 })).toBe(text)
  })

export function reading(world: TheWorld): void {
  /** Somebody the reader follows, whose posts are no repost. */
  async function followee() {
    const { reader } = world()
    const feed = pageSchema.parse(await reader.call('GET', FEED))
    const post = feed.posts.find(({ author, reposted_by }) => !reposted_by && author.id !== reader.id)
    return world().as(post?.author.handle ?? '')
  }

  test('a scroll to the end of the history shows each post once and never jumps, down and up again', async () => {
    await using visit = await world().visitOfReader()
    const { page } = visit
    const shown = page.locator('#home-feed .post')
    const atEnd = page.getByText(/^That is all: /)
    while (!(await atEnd.isVisible())) {
      const count = await shown.count()
      await page.evaluate(() => window.scrollTo({ top: document.body.scrollHeight - window.innerHeight - 300 }))
      await withoutAJump(page, await inView(page), async () => {
        await page.waitForFunction(
          (before) =>
            document.querySelectorAll('#home-feed .post').length > before ||
            document.querySelector('.tail')?.textContent?.startsWith('That'),
          count,
        )
      })
    }
    const { reader } = world()
    const all: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const feed: Feed = pageSchema.parse(await reader.call('GET', `${FEED}?limit=100${cursor && `&cursor=${cursor}`}`))
      all.push(...feed.posts.map(({ activity_id }) => activity_id))
      cursor = feed.next_cursor
    }
    expect(await shown.evaluateAll((posts) => posts.map((post) => (post as HTMLElement).dataset.activity))).toEqual(all)

    const height = await page.evaluate(() => document.body.scrollHeight)
    for (const top of [0.5, 0.1, 0]) await page.evaluate((share) => window.scrollTo({ top: document.body.scrollHeight * share }), top)
    expect(await page.evaluate(() => document.body.scrollHeight), 'what is skipped out of view keeps its height').toBe(height)
  })

  test('new posts wait behind a pill; a click shows them and moves nothing; what was deleted goes and moves nothing', async () => {
    const author = await followee()
    await using visit = await world().visitOfReader()
    const { page } = visit
    const pill = page.locator('.pill')
    const flood = await author.post('the tide is coming in')
    await pillSays(page, '1 new post')
    expect(await lineOf(page, 'the tide is').count(), 'nothing shows before the click').toBe(0)
    await pill.press('Enter')
    const top = page.locator('#home-feed .post').first()
    expect(await top.getAttribute('data-post')).toBe(flood)
    expect(await top.evaluate((post) => post === document.activeElement)).toBe(true)
    expect(await pill.count()).toBe(0)

    await page.evaluate(() => window.scrollTo({ top: 1_200 }))
    const ebb = await withoutAJump(page, await inView(page), async () => {
      const [id] = await Promise.all([author.post('the tide is going out'), author.call('DELETE', `/v1/posts/${flood}`)])
      await pillSays(page, '1 new post')
      await pill.click()
      await eventually(async () => {
        await lookAgain(page)
        expect(await lineOf(page, 'the tide is').allTextContents()).toEqual([expect.stringContaining('going out')])
      })
      return id
    })
    expect(await pill.textContent()).toBe('To the newest')
    await pill.click()
    expect(await page.evaluate(() => window.scrollY)).toBe(0)
    expect(await top.getAttribute('data-post')).toBe(ebb)
  })

  test('more new posts than a page holds are read from the top, without a hole', async () => {
    const author = await followee()
    await using visit = await world().visitOfReader()
    const { page } = visit
    for (let count = 1; count <= PAGE_SIZE + 2; count++) await author.post(`wave ${count}`)
    // Behind the pill a page begins anew with what has arrived by then.
    await eventually(async () => {
      const feed = pageSchema.parse(await world().reader.call('GET', `${FEED}?limit=${PAGE_SIZE + 2}`))
      expect(feed.posts.filter(({ text }) => text.startsWith('wave '))).toHaveLength(PAGE_SIZE + 2)
    })
    await pillSays(page, `${PAGE_SIZE} new posts and more`)
    await page.locator('.pill').click()
    await lineOf(page, `wave ${PAGE_SIZE + 2}`).waitFor()
    await page.evaluate(() => window.scrollTo({ top: document.body.scrollHeight }))
    await lineOf(page, /wave 1\D/).waitFor({ state: 'attached' })
    const waves = await page.locator('#home-feed .text', { hasText: 'wave' }).allTextContents()
    expect(waves).toEqual(Array.from({ length: PAGE_SIZE + 2 }, (_, index) => `wave ${PAGE_SIZE + 2 - index}`))
  })

  test('a page that could not be read is asked for again by a button', async () => {
    await using visit = await world().visitOfReader()
    const { page, complaints } = visit
    const nextPage = '**/v1/feed/following?*cursor=*'
    await page.route(nextPage, (route) => route.abort())
    await page.evaluate(() => window.scrollTo({ top: document.body.scrollHeight }))
    await page.getByText('No answer came').waitFor()
    await page.unroute(nextPage)
    const count = await page.locator('#home-feed .post').count()
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.locator('#home-feed .post').nth(count).waitFor({ state: 'attached' })
    expect(complaints.splice(0)).toEqual([expect.stringContaining('ERR_FAILED')])
  })

  test('an author has a page of their own, and the way back leads to where the feed was left', async () => {
    await using visit = await world().visitOfReader()
    const { page } = visit
    await page.evaluate(() => window.scrollTo({ top: 900 }))
    const anchor = await inView(page)
    const link = page.locator(`[data-activity="${anchor}"] .byline .name`)
    const name = await link.textContent()
    await withoutAJump(page, anchor, async () => {
      await link.click()
      await page.getByRole('heading', { name: name ?? '', level: 1 }).waitFor()
      await page.locator('#author .post').first().waitFor()
      const authors = await page
        .locator('#author .post')
        .evaluateAll((posts) =>
          posts.map((post) => (post.querySelector('.reposted .name') ?? post.querySelector('.byline .name'))?.textContent),
        )
      expect(new Set(authors)).toEqual(new Set([name]))
      await page.goBack()
      await page.locator('#home').waitFor()
    })
    expect(await link.evaluate((element) => element === document.activeElement)).toBe(true)
  })

  test('everything can be done with the keyboard', async () => {
    await using visit = await world().visit()
    const { page } = visit
    await page.goto(world().url)
    await page.locator('.person').first().waitFor()
    const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '')
    const tabTo = async (text: string) => {
      for (let presses = 0; presses < 60; presses++) {
        await page.keyboard.press('Tab')
        if ((await focused()).includes(text)) return
      }
      throw new Error(`Tab does not lead to ${text}`)
    }
    await tabTo('Skip to the feed')
    await tabTo(`@${READER}`)
    await page.keyboard.press('Enter')
    await page.locator('#home-feed .post').nth(2).waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    await page.keyboard.press('k')
    expect(
      await page
        .locator('#home-feed .post')
        .first()
        .evaluate((post) => post === document.activeElement),
    ).toBe(true)
    await tabTo('Repost')
    await tabTo('Crowd the post')
    await page.keyboard.press('Enter')
    expect(await focused()).toBe('Send the crowd')
    await page.locator('#reader').focus()
    await page.keyboard.press('Enter')
    await page.locator('#people .person').first().waitFor()
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('people-search')
    await page.keyboard.press('Escape')
    expect(await page.evaluate(() => document.activeElement?.id), 'a dialog gives the focus back').toBe('reader')
  })
}
