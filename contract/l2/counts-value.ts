/** The value of `co:`: how often a post was liked and reposted, as two decimal numbers with a comma between. */
export interface Counts {
  readonly likes: number
  readonly reposts: number
}

export const encodeCounts = ({ likes, reposts }: Counts): string => `${likes},${reposts}`

export function decodeCounts(text: string): Counts | undefined {
  const [, likes, reposts] = /^(\d{1,12}),(\d{1,12})$/.exec(text) ?? []
  return likes === undefined || reposts === undefined ? undefined : { likes: Number(likes), reposts: Number(reposts) }
}
