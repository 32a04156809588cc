import type { Case } from './case.ts'
import { FAILURE_CASES } from './failure-cases.ts'
import { FRESHNESS_CASES } from './freshness-cases.ts'
import { LEASE_CASES } from './lease-cases.ts'
import { SAFETY_CASES } from './safety-cases.ts'

/** Those that wait longest come first. */
export const CASES: readonly Case[] = [...SAFETY_CASES, ...FRESHNESS_CASES, ...LEASE_CASES, ...FAILURE_CASES]
