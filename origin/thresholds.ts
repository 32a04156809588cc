import { type Config, schema } from './config.ts'

/**
 * What may be changed while origins run (`npm run tune`, the table `settings`). Not among them is how long a timeline lives or an announcement takes:
 * readers hold to those, and a wrong one loses posts.
 */
export const TUNABLE = [
  'CROWD_THRESHOLD',
  'CROWD_LEAVE_SHARE',
  'CROWD_HOLD_MS',
  'CROWD_FLOOR',
  'HOT_THRESHOLD',
  'HOT_LEAVE_SHARE',
  'HOT_HOLD_MS',
  'MAX_CROWD_AUTHORS',
  'LAG_HIGH_MS',
  'LAG_LOW_MS',
  'LAG_STEP_MS',
  'LAG_CALM_MS',
  'BIG_LANE_FOLLOWERS',
  'DORMANT_DAYS',
] as const
export type Tunable = (typeof TUNABLE)[number]

/** By the names of their variables. */
export type Thresholds = { readonly [Name in Tunable]: number }
export type Source = 'default' | 'environment' | 'tuned'

export interface InForce {
  readonly thresholds: Thresholds
  /** The same, each with where it comes from, and what it would be had nobody tuned it; null: what follows from another one. */
  readonly settings: { readonly [Name in Tunable]: { readonly value: number; readonly from: Source; readonly configured: number | null } }
  /** Settings that stand for nothing: what is wrong with each, by its name. */
  readonly refused: Readonly<Record<string, string>>
}

export const isTunable = (name: string): name is Tunable => TUNABLE.some((known) => known === name)

/** The value of a variable, or what is wrong with it. */
export function parseThreshold(name: Tunable, text: string): number | string {
  const { data, error } = schema.shape[name].safeParse(text)
  return data ?? error?.issues.map(({ message }) => message).join('; ') ?? 'no value'
}

/** The thresholds of a process: as it was configured, but for what was tuned since. What does not parse changes nothing. */
export function thresholdsOf(config: Pick<Config, Tunable>, tuned: Readonly<Record<string, string>>): InForce {
  const refused: Record<string, string> = {}
  const values: Partial<Record<Tunable, number>> = {}
  for (const [name, text] of Object.entries(tuned)) {
    const value = isTunable(name) ? parseThreshold(name, text) : 'no setting has this name'
    if (typeof value === 'string') refused[name] = value
    else if (isTunable(name)) values[name] = value
  }
  const { CROWD_FLOOR, ...rest } = { ...config, ...values }
  const thresholds = pick((name) => (name === 'CROWD_FLOOR' ? (CROWD_FLOOR ?? Math.ceil(rest.CROWD_THRESHOLD / 4)) : rest[name]))
  const sourceOf = (name: Tunable): Source => {
    if (values[name] !== undefined) return 'tuned'
    return config[name] === schema.shape[name].parse(undefined) ? 'default' : 'environment'
  }
  return {
    thresholds,
    settings: pick((name) => ({ value: thresholds[name], from: sourceOf(name), configured: config[name] ?? null })),
    refused,
  }
}

/** Settings of which one makes another pointless, each in words. */
export function contradictionsIn({ CROWD_FLOOR, CROWD_THRESHOLD, LAG_LOW_MS, LAG_HIGH_MS }: Thresholds): string[] {
  return [
    ...(CROWD_FLOOR > CROWD_THRESHOLD ? [`CROWD_FLOOR (${CROWD_FLOOR}) would be above CROWD_THRESHOLD (${CROWD_THRESHOLD})`] : []),
    ...(LAG_LOW_MS > LAG_HIGH_MS ? [`LAG_LOW_MS (${LAG_LOW_MS}) would be above LAG_HIGH_MS (${LAG_HIGH_MS})`] : []),
  ]
}

const pick = <T>(of: (name: Tunable) => T): { readonly [Name in Tunable]: T } =>
  Object.fromEntries(TUNABLE.map((name) => [name, of(name)])) as { readonly [Name in Tunable]: T }
