export const FIRST_NAMES =
  `Ada Bruno Clara Daan Elif Farah Goran Hana Ivo Juna Kofi Lena Milo Nadia Otis Priya Quinn Rosa Samir Tove Uma Viktor Wren
  Yara Zeno`.split(/\s+/)
export const LAST_NAMES =
  `Arden Bloom Castell Duarte Ekholm Faro Grove Holm Ibsen Jansen Kaya Lind Moreau Novak Okoro Petit Quill Rivera Sato Torres
  Ueda Varga Winter Yilmaz Zeller`.split(/\s+/)

const choices = (text: string): readonly string[] => text.split(/\s*\|\s*/)

/** What may stand in the braced places of a template. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  place: choices(`the harbour|the night market|Porto|the old library|the allotment|Tromsø|the top of the hill|platform 4|Kyoto|the kitchen
    |the ferry|the botanical garden|Ghent|the river path|my grandmother's house`),
  weather: choices(
    `Fog|First snow|Warm rain|A thin frost|The longest sunset|Hail, briefly,|A double rainbow|Swallows|Church bells|Absolute silence`,
  ),
  aside: choices(`Worth getting up for.|I regret nothing.|The dog disagrees.|Nobody else was there.|I stayed far too long.|Coffee helped.
    |More of this, please.|Pictures do not do it justice.|Could have been an email.|Ten out of ten.|I will be back tomorrow.`),
  work: choices(`the last chapter|a bookshelf out of an old door|the index, by hand|my first marathon|the great spreadsheet of seeds|a scarf for a very tall friend
    |the migration nobody wanted to touch|a tiny synthesiser|the tax return|four hundred dumplings`),
  duration: choices(`eleven evenings|two winters|exactly one afternoon|far too many meetings|a year of Sundays|three false starts`),
  thing:
    choices(`second-hand bookshop|place for soup|piano tuner|quiet café to work in|bike mechanic|swimming spot|bakery that opens before six
    |film lab|climbing partner`),
  food: choices(
    `sourdough|cardamom buns|a plum cake|flatbread on a hot stone|focaccia with too much rosemary|rye crackers|a pie of uncertain origin`,
  ),
  verdict: choices(
    `It rose!|It did not rise.|Gone in nine minutes.|The crust sings.|We do not talk about the first batch.|Recipe on request.`,
  ),
  bird: choices(`heron|kingfisher|very loud robin|pair of swifts|one-legged gull|owl|family of wrens`),
  spot: choices(`the chimney|the same post as last year|the canal|the office roof|the neighbour's pear tree|the weather vane`),
  book: choices(`a history of salt|the same novel for the third time|a field guide to mosses|letters between two mathematicians|a cookbook without pictures
    |a thriller set entirely in a lighthouse|a manual for a machine I do not own`),
  opinion:
    choices(`The footnotes are the best part.|I keep missing my stop because of it.|Chapter nine changed my mind.|Somebody please read it too.
    |It is better with rain outside.`),
  advice:
    choices(`label the cables|water the fern before leaving|never trust a recipe that says "about"|read the error message|write it down the same day
    |leave ten minutes earlier|do the small thing first`),
  belief:
    choices(`maps should be folded, not refreshed|every meeting is better standing up|cold noodles are breakfast|the second draft is the real first draft
    |window seats are overrated|a list of three is always enough|cucumbers belong in everything`),
  fact: choices(`honey never spoils|otters hold hands|the kettle has a filter|octopuses dream|my bike has a bell|lichens grow a millimetre a year
    |the library lends telescopes|there are two Springfields on this line`),
  music: choices(
    `a brass band|somebody practising the same four bars|a choir of eight|an accordion and a drum machine|my neighbour's new cello`,
  ),
  craft: choices(`kerning|caching|gardening|bread|chess|pottery|proofreading|sailing`),
  lesson: choices(`nine parts patience|mostly waiting|knowing what to leave out|forgiving, up to a point|harder on Mondays|a conversation`),
}

const TEMPLATES = [
  '{weather} over {place} this morning. {aside}',
  '{weather} again at {place}.',
  'Finished {work} after {duration}. {aside}',
  'After {duration}: {work}. Done!',
  'Does anybody know a good {thing} near {place}?',
  'Looking for a {thing}. Any tips?',
  'Baked {food} today. {verdict}',
  '{food}, second attempt. {verdict}',
  'The {bird} is back on {spot}. {aside}',
  'Saw a {bird} on {spot}, then another one. {aside}',
  'Reading {book}. {opinion}',
  'Halfway through {book}. {opinion}',
  'Note to self: {advice}.',
  'Two rules I live by: {advice}, and {advice}.',
  'Unpopular opinion: {belief}.',
  'Change my mind: {belief}.',
  'Learned today: {fact}. Also: {fact}.',
  'Nobody told me that {fact}.',
  'There is {music} at {place} right now. {aside}',
  'Woken by {music}. {aside}',
  '{craft} is {lesson}.',
  'Ten years in, I think {craft} is {lesson}.',
]

/** A short post as somebody might write it. */
export function textOf(random: () => number): string {
  const used = new Set<string>()
  const pick = (from: readonly string[] = []) => {
    const left = from.filter((word) => !used.has(word))
    const word = left[Math.floor(random() * left.length)] ?? ''
    used.add(word)
    return word
  }
  const text = pick(TEMPLATES).replace(/\{(\w+)\}/g, (_, place: string) => pick(WORDS[place]))
  return text.charAt(0).toUpperCase() + text.slice(1)
}
