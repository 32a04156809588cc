import { describe } from 'vitest'
import { takesEffect } from '../support/freshness/suite.ts'

describe('with a replica a second behind', () => takesEffect({ replicaLagMs: 1_000, pauseMs: 400, atOnce: 4 }))
describe('of crowded authors', () => takesEffect({ replicaLagMs: 300, pauseMs: 400, atOnce: 4, crowded: true }))
describe('of crowded authors, with a replica a second behind', () =>
  takesEffect({ replicaLagMs: 1_000, pauseMs: 400, atOnce: 4, crowded: true }))
