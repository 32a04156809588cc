import { type Explored, explore, type Model } from './explore.ts'

/** A part of the protocol: its rules as sentences, and the bounds within which all of it is walked. */
interface Part<S, Rule extends string, Bounds> {
  readonly name: string
  /** What must hold in every state. */
  readonly promise: string
  readonly rules: Readonly<Record<Rule, string>>
  /** Rules that are a second fence: nothing breaks without one of them, but without all of a group. */
  readonly fences?: readonly (readonly [readonly Rule[], Bounds])[]
  /** For each other rule the bounds within which its removal breaks the promise: small ones make short stories. */
  readonly shown: Partial<Readonly<Record<Rule, Bounds>>>
  /** Walked by `npm test`, each under its name. */
  readonly quick: Readonly<Record<string, Bounds>>
  /** Walked by `npm run test:long`. */
  readonly whole: Readonly<Record<string, Bounds>>
  /** The part within bounds; `has` tells which rules are in force. */
  model(bounds: Bounds, has: (rule: Rule) => boolean): Model<S>
}

/** What tests and the story teller need of a part, whatever its states are. */
export interface Protocol {
  readonly name: string
  readonly promise: string
  readonly quick: readonly Walk[]
  readonly whole: readonly Walk[]
  readonly removals: readonly Walk[]
  /** Removals that change nothing by themselves. */
  readonly harmless: readonly Walk[]
}

export interface Walk {
  readonly name: string
  run(): Explored
}

export function protocol<S, Rule extends string, Bounds>(part: Part<S, Rule, Bounds>): Protocol {
  const { name, promise, rules, fences = [], shown, quick, whole, model } = part
  const walk = (label: string, bounds: Bounds, without: readonly Rule[]): Walk => ({
    name: label,
    run: () => explore(model(bounds, (rule) => !without.includes(rule))),
  })
  const walks = (scopes: Readonly<Record<string, Bounds>>) => Object.entries(scopes).map(([label, bounds]) => walk(label, bounds, []))
  const saying = (without: readonly Rule[]) => without.map((rule) => rules[rule]).join('; ')
  const needed = (Object.keys(rules) as Rule[]).filter((rule) => !fences.some(([group]) => group.includes(rule)))
  return {
    name,
    promise,
    quick: walks(quick),
    whole: walks(whole),
    removals: [
      ...needed.map((rule) => {
        const bounds = shown[rule]
        if (bounds === undefined) throw new Error(`${name}: nothing shows that "${rules[rule]}" is needed`)
        return walk(saying([rule]), bounds, [rule])
      }),
      ...fences.map(([group, bounds]) => walk(saying(group), bounds, group)),
    ],
    harmless: fences.flatMap(([group, bounds]) => group.map((rule) => walk(saying([rule]), bounds, [rule]))),
  }
}
