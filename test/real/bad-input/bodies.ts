import { expect, test } from 'vitest'
import { MAX_TEXT_LENGTH, postSchema } from '../../../contract/post.ts'
import { expectProblem } from '../../support/expect-problem.ts'
import { JSON_TYPE, NOBODY, refuses, type World } from './world.ts'

const TEXTS: Record<string, unknown> = {
  'of 2,001 characters': 'x'.repeat(MAX_TEXT_LENGTH + 1),
  'of 2,001 emoji': '🌊'.repeat(MAX_TEXT_LENGTH + 1),
  'with U+0000': 'a\u0000b',
  'with a lone high surrogate': 'a\ud83c',
  'with a lone low surrogate': '\udf0a',
  'that is empty': '',
  'that is blank': ' \t\n\u00a0\u2003',
  'that is a number': 42,
  'that is null': null,
  'that is a list': ['text'],
  'that is an object': { text: 'text' },
}
const NO_POSTS = ['{}', '[]', 'null', '"text"', '1', 'true', '{"text":"a","mode":"pull"}', '{"text":"a","__proto__":{}}', '{"Text":"a"}']
const NO_JSON = ['', '{', '{"text":"a"', "{'text':'a'}", '{"text":"a",}', '{"text":"a"}x', '{"text":"\t"}', 'NaN', '[[', '['.repeat(16_000)]
const NO_TYPES = [
  'text/plain',
  'application/x-www-form-urlencoded',
  'application/jsonp',
  'text/json',
  'multipart/form-data; boundary=x',
  '',
]

const handle = 'nobody'
const name = 'Nobody'
const NO_USERS = [
  { name },
  { handle },
  { handle: '', name },
  { handle: 'x'.repeat(65), name },
  { handle: 'a/b', name },
  { handle: 'ünï', name },
  { handle, name: '' },
  { handle, name: 'x'.repeat(101) },
  { handle, name: 'a\u0000' },
  { handle, name: 'a\ud83c' },
  { handle, name: null },
  { handle, name, id: NOBODY },
  [],
  'user',
]

/** Bodies that are not what they should be. */
export function bodies(world: () => World): void {
  for (const [what, text] of Object.entries(TEXTS)) {
    refuses(`text ${what}`, 'bad-request', () => world().post(JSON.stringify({ text })))
  }
  for (const body of NO_POSTS) refuses(`JSON that is no post, ${body}`, 'bad-request', () => world().post(body))
  for (const body of NO_JSON) refuses(`what is not JSON, ${JSON.stringify(body).slice(0, 20)}`, 'bad-json', () => world().post(body))
  for (const user of NO_USERS) {
    refuses(`JSON that is no user, ${JSON.stringify(user).slice(0, 60)}`, 'bad-request', () => world().putUser(user))
  }
  refuses('what is not UTF-8', 'bad-json', () =>
    world().post(new Uint8Array([...Buffer.from('{"text":"'), 0xff, 0xfe, ...Buffer.from('"}')])),
  )

  refuses('no body', 'unsupported-media-type', () => world().author.fetch('/v1/posts', { method: 'POST' }))
  for (const type of NO_TYPES) {
    refuses(`JSON called "${type}"`, 'unsupported-media-type', () => world().post('{"text":"a"}', { 'content-type': type }))
  }

  refuses('more than 32 KiB', 'too-large', () => world().post(JSON.stringify({ text: 'x'.repeat(33_000) })))
  test('a body that does not end is refused as soon as it is too large', async () => {
    let chunks = 0
    const endless = new ReadableStream<Uint8Array>({
      pull: (to) => (chunks++ < 3 ? to.enqueue(new Uint8Array(16_384)) : new Promise(() => {})),
    })
    const init = { method: 'POST', headers: JSON_TYPE, body: endless, duplex: 'half' as const }
    await expectProblem(await world().author.fetch('/v1/posts', init), 'too-large')
  })

  test('2,000 emoji are 2,000 characters and fine', async () => {
    const response = await world().reader.fetch(`/v1/posts/${world().postId}`)
    expect(postSchema.parse(await response.json()).text).toBe('🌊'.repeat(MAX_TEXT_LENGTH))
  })
  test('a body with several faults has each field named', async () => {
    const { errors } = await expectProblem(await world().putUser({ handle: 'a b', name: 1 }), 'bad-request')
    expect(errors?.map(({ field }) => field)).toEqual(['handle', 'name'])
  })
}
