import { openApiDocument } from '../contract/api/document.ts'
import { parseFlags, runCommand } from './command-line.ts'

const USAGE = `Prints the API as an OpenAPI 3.1 document: what the worker answers at /openapi.json.

  npm run --silent openapi > openapi.json

  --help   this text
`

await runCommand(async (args) => {
  const { help } = parseFlags(args, { help: { type: 'boolean' } })
  process.stdout.write(help ? USAGE : `${JSON.stringify(openApiDocument(), null, 2)}\n`)
})
