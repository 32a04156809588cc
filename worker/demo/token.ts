import { sign } from 'hono/jwt'
import type { DemoToken } from '../../contract/demo.ts'

/** How long a token is good (seconds). */
const TOKEN_SECONDS = 3_600

export type IssueToken = (userId: string) => Promise<DemoToken>

/** Issues what a product would: whoever asks for it is believed, which is why it exists in the demo alone. */
export function createIssueToken(secret: string, clock: { nowMs(): number }): IssueToken {
  return async (userId) => {
    const exp = Math.floor(clock.nowMs() / 1_000) + TOKEN_SECONDS
    return { token: await sign({ sub: userId, exp }, secret, 'HS256'), expires_at: new Date(exp * 1_000).toISOString() }
  }
}
