/** Numbers as people read them, in the summary and in the picture. */
export const count = (value: number): string => Math.round(value).toLocaleString('en-US')
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`
export const ms = (value: number | undefined): string =>
  value === undefined ? '–' : value < 10 ? `${value.toFixed(1)} ms` : value < 1_000 ? `${value.toFixed(0)} ms` : seconds(value)
export const seconds = (valueMs: number | undefined): string => (valueMs === undefined ? '–' : `${(valueMs / 1_000).toFixed(1)} s`)
export const minutes = (valueS: number): string => `${(valueS / 60).toFixed(1).replace(/\.0$/, '')} min`
/** Minutes and seconds, as on a clock. */
export const clock = (valueS: number): string => `${Math.floor(valueS / 60)}:${String(Math.floor(valueS) % 60).padStart(2, '0')}`
