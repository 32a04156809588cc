/** Does what a curl line says, for machines without curl: url, method, headers, a body, and cookies kept in `jar` (-c, -b). */
export async function runCurlLine(line: string, jar: Map<string, string>): Promise<Response> {
  const words = [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, single, double, bare]) => single ?? double ?? bare ?? '')
  if (words.shift() !== 'curl') throw new Error(`this is no curl line: ${line}`)
  const headers = new Headers()
  let [url, method, body, keepsCookies]: [string, string | undefined, string | undefined, boolean] = ['', undefined, undefined, false]
  while (words.length > 0) {
    const word = words.shift() ?? ''
    if (word === '-s' || word === '-i') continue
    else if (word === '-H') {
      const [, name = '', value = ''] = /^(.*?): (.*)$/.exec(words.shift() ?? '') ?? []
      headers.set(name, value)
    } else if (word === '-X') method = words.shift()
    else if (word === '-d') body = words.shift()
    else if (word === '-c') keepsCookies = words.shift() !== undefined
    else if (word === '-b' && words.shift()) headers.set('cookie', [...jar].map((cookie) => cookie.join('=')).join('; '))
    else if (word.startsWith('http')) url = word
    else throw new Error(`this test does not know "${word}" of curl`)
  }
  method ??= body === undefined ? 'GET' : 'POST'
  const response = await fetch(url, { method, headers, ...(body === undefined ? {} : { body }) })
  for (const cookie of keepsCookies ? response.headers.getSetCookie() : []) {
    const [, name = '', value = ''] = /^(.*?)=(.*?)(;|$)/.exec(cookie) ?? []
    jar.set(name, value)
  }
  return response
}
