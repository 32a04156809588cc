import type * as z from 'zod'
import type { ProblemSlug } from '../problem.ts'
import type { HeaderName } from './headers.ts'
import type { Parameter } from './parameters.ts'

/** What an operation belongs to, with a sentence for readers. In the order of the docs. */
export const TAGS = {
  Feeds: 'Pages of posts, newest first, and single posts. Answered from cache at the edge.',
  Posts: 'Posts, reposts and likes of the caller.',
  Follows: 'Whom the caller follows, and who asks to follow them.',
  Hiding: 'Whom the caller does not want to see, or to be seen by.',
  Users: 'Your product keeps its users here; who may see an account.',
  Service: 'What the worker says about itself.',
} as const

/** An answer that is no problem. Each also names the request (`Tideline-Request-Id`). */
export interface Answer {
  readonly status: number
  readonly description: string
  readonly headers: readonly HeaderName[]
  /** None where there is no body. */
  readonly content?: { readonly type: string; readonly schema: z.ZodType; readonly example: unknown }
}

/**
 * One operation of the public API. Its example is a request that can be sent: the parameters that have an example, and the
 * body's. `test/real/openapi.test.ts` sends each.
 */
export interface Operation {
  /** Unique; links and generated clients use it. */
  readonly id: string
  readonly method: 'get' | 'post' | 'put' | 'delete'
  /** With its parameters in braces. */
  readonly path: string
  readonly tag: keyof typeof TAGS
  readonly summary: string
  readonly description: string
  /** Whose token it takes: none is looked at, one is welcome, a user's or a service's is needed. */
  readonly token: 'none' | 'optional' | 'user' | 'service'
  readonly parameters: readonly Parameter[]
  readonly body?: { readonly schema: z.ZodType; readonly example: unknown }
  /** Of those that succeed, the example gets the one with the highest status: created, where it was not there. */
  readonly answers: readonly Answer[]
  /** Beside `internal` and those that follow from token and body. */
  readonly problems: readonly ProblemSlug[]
}

export const json = (schema: z.ZodType, example: unknown) => ({ type: 'application/json', schema, example })
