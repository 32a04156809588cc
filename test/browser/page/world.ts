import { randomInt } from 'node:crypto'
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import axe, { type AxeResults } from 'axe-core'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { expect } from 'vitest'
import { demoReadersSchema, demoTokenSchema } from '../../../contract/demo.ts'
import { launchBrowser } from '../../support/browser.ts'
import { npmStart } from '../../support/start.ts'

export const READER = 'ada.arden'
const PICTURES = fileURLToPath(new URL('../../../test-results/screenshots/', import.meta.url))

type World = Awaited<ReturnType<typeof createWorld>>
export type TheWorld = () => World

/** One stack as `npm start` brings it up, and one browser, for all tests of the page. */
export async function createWorld(program: string) {
  const folder = await mkdtemp(join(tmpdir(), 'tideline-page-'))
  await chmod(folder, 0o755) // as root, Postgres runs as another user
  await mkdir(PICTURES, { recursive: true })
  const port = randomInt(10_000, 20_000)
  const stateDir = join(folder, 'state')
  const start = npmStart(['--port', String(port), '--origin-port', String(port + 1), '--state-dir', stateDir])
  const [browser] = await Promise.all([launchBrowser(program), start.says(/Ready in/)])
  const [, url = ''] = await start.says(/worker +(http:\S+)/)

  /** Calls the API as a user: what other people do while the page is open. */
  async function as(handle: string) {
    const { readers } = demoReadersSchema.parse(await (await fetch(`${url}/demo/readers?query=${handle}`)).json())
    const id = readers.find((reader) => reader.handle === handle)?.id ?? ''
    const { token } = demoTokenSchema.parse(await (await fetch(`${url}/demo/readers/${id}/token`, { method: 'POST' })).json())
    const call = async (method: string, path: string, body?: unknown) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      const answer = await fetch(url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
      expect(answer.ok, await answer.clone().text()).toBe(true)
      return answer.status === 204 ? {} : await answer.json()
    }
    return { id, token, call, post: async (text: string): Promise<string> => (await call('POST', '/v1/posts', { text })).id }
  }

  const reader = await as(READER)
  return {
    url,
    as,
    browser,
    /** A new page of a browser that never was here. When it ends, it must have complained of nothing and asked nobody else. */
    visit: (options?: BrowserContextOptions) => visit(browser, url, options),
    /** The same, where somebody reads already. */
    async visitOfReader(options?: BrowserContextOptions) {
      const opened = await visit(browser, url, options)
      await opened.page.addInitScript(([key, session]) => sessionStorage.getItem(key) ?? sessionStorage.setItem(key, session), [
        'tideline-session',
        JSON.stringify({ token: reader.token, viewer: { id: reader.id, handle: READER, name: 'Ada Arden' } }),
      ] as const)
      await opened.page.goto(url)
      await feedOf(opened.page)
      return opened
    },
    reader,
    async stop() {
      await browser.close()
      await start.end('SIGTERM')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function visit(browser: Browser, url: string, options: BrowserContextOptions = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', ...options })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('dialog', (dialog) => complaints.push(`it opened a dialog: ${dialog.message()}`))
  page.on('request', (request) => new URL(request.url()).origin === url || complaints.push(`it asked ${request.url()}`))
  page.setDefaultTimeout(60_000)
  return {
    page,
    context,
    complaints,
    async [Symbol.asyncDispose]() {
      await context.close()
      expect(complaints).toEqual([])
    },
  }
}

/** Chooses a reader on the first page. */
export async function choose(page: Page, handle = READER): Promise<void> {
  await page.getByRole('searchbox').fill(handle)
  await page.getByRole('button', { name: `@${handle}` }).click()
  await feedOf(page)
}

/** Waits for a feed. */
export const feedOf = (page: Page) => page.locator('#home-feed .post').first().waitFor()

/** Lets the page look for new posts now rather than at its next poll. */
export const lookAgain = (page: Page) => page.evaluate(() => void document.dispatchEvent(new Event('visibilitychange')))

/** The line of the feed that shows this text. */
export const lineOf = (page: Page, text: string | RegExp) => page.locator('#home-feed .post', { hasText: text })

/** Does this, and holds that a post stays where it was on the screen, to the pixel. */
export async function withoutAJump<T>(page: Page, activity: string, act: () => Promise<T>): Promise<T> {
  const top = () =>
    page.evaluate((id) => document.querySelector(`#home-feed [data-activity="${id}"]`)?.getBoundingClientRect().top, activity)
  const before = await top()
  const result = await act()
  expect(Math.abs(((await top()) ?? Number.NaN) - (before ?? Number.NaN))).toBeLessThanOrEqual(1)
  return result
}

/** The activity of the first post that is wholly in view. */
export const inView = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const posts = [...document.querySelectorAll<HTMLElement>('#home-feed .post')]
    return posts.find((post) => post.getBoundingClientRect().top > 120)?.dataset.activity ?? ''
  })

/** Serious and critical findings of axe-core, in words; of all rules unless some are named. */
export async function findings(page: Page, ...rules: string[]): Promise<string[]> {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe.source)
  const options = { resultTypes: ['violations'], ...(rules.length > 0 ? { runOnly: rules } : {}) }
  const results = await page.evaluate<AxeResults>(`axe.run(${JSON.stringify(options)})`)
  return results.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}

/** Keeps a picture to look at. */
export async function picture(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(PICTURES, `${name}.png`) })
}
export const PICTURES_PLACE = PICTURES
