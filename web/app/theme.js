// @ts-check
import { byId, fill, icon, spoken } from './dom.js'

const STORED = 'tideline-theme' // stored-theme.js reads it

/** The button that changes between light and dark. Until it is used, the system decides. */
export function startTheme() {
  const button = byId('theme', HTMLButtonElement)
  const dark = matchMedia('(prefers-color-scheme: dark)')
  const shown = () => document.documentElement.dataset.theme ?? (dark.matches ? 'dark' : 'light')
  const other = () => (shown() === 'dark' ? 'light' : 'dark')
  const label = () => fill(button, icon('theme'), spoken(`Change to the ${other()} theme`))

  button.addEventListener('click', () => {
    const theme = other()
    document.documentElement.dataset.theme = theme
    label()
    localStorage.setItem(STORED, theme)
  })
  dark.addEventListener('change', label)
  label()
}
