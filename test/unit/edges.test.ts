import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Edge, EdgeFileError, MAX_LINE_BYTES, readEdges } from '../../dev/edges.ts'

async function* chunksOf(bytes: Uint8Array, cuts: readonly number[] = []): AsyncGenerator<Uint8Array> {
  let start = 0
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    yield bytes.subarray(start, cut)
    start = cut
  }
  yield bytes.subarray(start)
}

async function edgesOf(content: string | Uint8Array, cuts?: readonly number[]): Promise<Edge[]> {
  const edges: Edge[] = []
  for await (const batch of readEdges(chunksOf(Buffer.from(content), cuts), 'edges.txt')) edges.push(...batch)
  return edges
}

/** The edges, or the message of the refusal. */
const outcomeOf = (content: string | Uint8Array, cuts?: readonly number[]): Promise<Edge[] | string> =>
  edgesOf(content, cuts).catch((error) => {
    expect(error).toBeInstanceOf(EdgeFileError)
    return String(error.message)
  })

const AB_BC = [
  ['a', 'b'],
  ['b', 'c'],
]

describe('what is read', () => {
  test.each([
    ['tabs', 'a\tb\nb\tc\n'],
    ['blanks, several and around', ' a  b\n\tb \t c  \n'],
    ['CRLF', 'a\tb\r\nb\tc\r\n'],
    ['no newline at the end', 'a\tb\nb\tc'],
    ['comments, also in between and not in ASCII', '# Graph\n#\na\tb\n# né à 10 h\nb\tc\n'],
    ['empty lines', '\n\na\tb\n\r\nb\tc\n  \n'],
    ['a byte order mark', '\uFEFFa\tb\nb\tc\n'],
    ['a byte order mark before a comment', '\uFEFF# x\na\tb\nb\tc\n'],
    ['CSV', 'a,b\nb,c\n'],
    ['CSV with blanks', ' a , b\nb ,\tc \n'],
    ['CSV with quotes', '"a","b"\nb,"c"\n'],
    ['CSV with quotes and blanks', ' "a" , "b"\r\nb, "c"\r\n'],
    ['CSV with a header', 'follower,followee\na,b\nb,c\n'],
    ['CSV with comments and a quoted header', '# by x\n"Source","Target"\r\na,b\r\nb,c\r\n'],
    ['a header of other names', 'from_id,to_id\na,b\nb,c\n'],
    ['a header of an edge list', 'FromNodeId\tToNodeId\na\tb\nb\tc\n'],
  ])('%s', async (_, content) => {
    expect(await edgesOf(content)).toEqual(AB_BC)
    expect(await edgesOf(gzipSync(content))).toEqual(AB_BC)
  })

  test('gzip is recognised by its bytes, even when they come one by one, and in several members', async () => {
    const zipped = Buffer.concat([gzipSync('a\tb\nb'), gzipSync('\tc\n')])
    expect(
      await edgesOf(
        zipped,
        Array.from(zipped, (_, index) => index),
      ),
    ).toEqual(AB_BC)
  })

  test('self-loops and repeats are passed on, for others to count', async () => {
    expect(await edgesOf('a a\na b\na b\n')).toEqual([
      ['a', 'a'],
      ['a', 'b'],
      ['a', 'b'],
    ])
  })

  test('only the first line can be a header', async () => {
    expect(await edgesOf('a,b\nfrom,to\n')).toEqual([
      ['a', 'b'],
      ['from', 'to'],
    ])
  })

  test('labels are handles: digits, dots, dashes and underscores, up to 64', async () => {
    const long = 'x'.repeat(64)
    expect(await edgesOf(`0 ${long}\nA.b-c_d .\n`)).toEqual([
      ['0', long],
      ['A.b-c_d', '.'],
    ])
  })
})

describe('what is refused, with its line', () => {
  const handleRule = 'is not a label: a handle is 1 to 64 letters, digits, dots, dashes or underscores'
  test.each([
    ['one field', 'a b\nc\n', 'edges.txt:2: expected two labels, got 1 field'],
    ['three fields', 'a b\n\n# x\na b 3\n', 'edges.txt:4: expected two labels, got 3 fields'],
    ['three fields in the last line, without newline', 'a b\r\na b c', 'edges.txt:2: expected two labels, got 3 fields'],
    ['one field of CSV', 'a,b\nc\n', 'edges.txt:2: expected two labels, got 1 field'],
    ['three fields of CSV', 'follower,followee\na,b,1\n', 'edges.txt:2: expected two labels, got 3 fields'],
    ['an empty field of CSV', 'a,b\na,\n', `edges.txt:2: "" ${handleRule}`],
    ['blanks in a CSV', 'a,b\na b\n', 'edges.txt:2: expected two labels, got 1 field'],
    ['a comma in an edge list', 'a b\na,b\n', 'edges.txt:2: expected two labels, got 1 field'],
    ['a comma within quotes', 'a,b\n"a,b",c\n', `edges.txt:2: "a,b" ${handleRule}`],
    ['a quote within quotes', 'a,b\n"a""b",c\n', `edges.txt:2: "a\\"b" ${handleRule}`],
    ['a quote that does not end', 'a,b\n"a,b\n', 'edges.txt:2: a quote does not end where its field does'],
    ['text behind a quote', 'a,b\n"a"x,b\n', 'edges.txt:2: a quote does not end where its field does'],
    ['a label with a letter that is none of ours', 'a b\na é\n', `edges.txt:2: "é" ${handleRule}`],
    ['a label with a control character', 'a b\na \u001b[2J\n', `edges.txt:2: "\\u001b[2J" ${handleRule}`],
    ['a label that is too long', `a ${'b'.repeat(65)}\n`, `edges.txt:1: "${'b'.repeat(65)}" ${handleRule}`],
    ['a label that is much too long is cut', `a ${'b'.repeat(999)}\n`, `edges.txt:1: "${'b'.repeat(80)}" ${handleRule}`],
    ['a header the wrong way round', 'target,source\na,b\n', 'edges.txt:1: the follower must come first, then the followee'],
    ['an empty file', '', 'edges.txt: there are no edges in it'],
    ['comments only', '# a b\n', 'edges.txt: there are no edges in it'],
    ['a header only', 'follower,followee\n', 'edges.txt: there are no edges in it'],
  ])('%s', async (_, content, message) => {
    expect(await outcomeOf(content)).toBe(message)
    expect(await outcomeOf(gzipSync(content))).toBe(message)
  })

  test('bytes that are not UTF-8, in a label as in a comment', async () => {
    const bytes = (text: string) => Buffer.from(text, 'latin1')
    expect(await outcomeOf(bytes('a b\nb c\na \xe9\nc d\n'))).toBe('edges.txt:3: not valid UTF-8')
    expect(await outcomeOf(bytes('# \xe9\na b\n'))).toBe('edges.txt:1: not valid UTF-8')
    expect(await outcomeOf(bytes('a b\n\xff'))).toBe('edges.txt:2: not valid UTF-8')
    expect(await outcomeOf(bytes('a b\nc\na \xe9\n'))).toBe('edges.txt:2: expected two labels, got 1 field')
  })

  test('a line that is too long, wherever its chunks end, without waiting for its end', async () => {
    const message = `edges.txt:2: the line is longer than ${MAX_LINE_BYTES} bytes`
    const content = `a b\n#${'x'.repeat(MAX_LINE_BYTES)}\nb c\n`
    expect(await outcomeOf(content)).toBe(message)
    expect(await outcomeOf(content, [2, 40_000, 70_000])).toBe(message)
    expect(await outcomeOf(`a b\n#${'x'.repeat(MAX_LINE_BYTES - 1)}\nb c\n`)).toEqual(AB_BC)
    async function* endless() {
      yield Buffer.from('a b\n')
      for (;;) yield Buffer.alloc(10_000, 'x')
    }
    await expect(async () => {
      for await (const _ of readEdges(endless(), 'edges.txt'));
    }).rejects.toThrow(message)
  })

  test('gzip data that is cut off or damaged', async () => {
    const zipped = gzipSync('a b\n'.repeat(10_000))
    expect(await outcomeOf(zipped.subarray(0, 40))).toBe('edges.txt: the gzip data is damaged: unexpected end of file')
    expect(await outcomeOf(zipped.fill(0, 20, 30))).toMatch(/^edges\.txt: the gzip data is damaged: /)
  })

  test('an error of the source arrives as it is, also through gzip', async () => {
    for (const content of [Buffer.from('a b\n'), gzipSync('a b\n')]) {
      async function* failing() {
        yield content.subarray(0, 3)
        throw new Error('EIO')
      }
      await expect(async () => {
        for await (const _ of readEdges(failing(), 'edges.txt'));
      }).rejects.toThrow('EIO')
    }
  })
})

test('wherever the chunks end, the same is read or refused', async () => {
  const label = fc.stringMatching(/^[A-Za-z0-9_.-]{1,9}$/)
  const noise = fc.constantFrom('# né', '', '  ', '#', '# \u{1F600}')
  const newline = fc.constantFrom('\n', '\r\n')
  const flaw = fc.constantFrom<string | Uint8Array>(
    'x',
    'a b c',
    'a é',
    Buffer.from([0x61, 0x20, 0xe9, 0x0a]),
    '"a b',
    `#${'y'.repeat(MAX_LINE_BYTES)}`,
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ weight: 4, arbitrary: fc.tuple(label, label) }, noise), { maxLength: 12 }),
      fc.constantFrom('\t', ' ', ','),
      newline,
      fc.option(fc.tuple(fc.nat(12), flaw), { freq: 3 }),
      fc.boolean(),
      fc.array(fc.nat(), { maxLength: 8 }),
      async (items, separator, end, flawAt, zipped, cutsAt) => {
        const edges = items.filter((item) => typeof item !== 'string')
        fc.pre(edges.length > 0 && edges[0]?.join() !== 'from,to')
        const lines: (string | Uint8Array)[] = items.map((item) => (typeof item === 'string' ? item : item.join(separator)))
        if (flawAt) lines.splice(flawAt[0], 0, flawAt[1])
        const plain = Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from(end)]))
        const bytes = zipped ? gzipSync(plain) : plain
        const cuts = cutsAt.map((cut) => cut % (bytes.length + 1))
        const whole = await outcomeOf(plain)
        expect(await outcomeOf(bytes, cuts)).toEqual(whole)
        if (!flawAt) expect(whole).toEqual(edges)
      },
    ),
    { numRuns: 500 },
  )
})
