// @ts-check

/**
 * Changes a list without moving what its reader looks at: the first line in view that survives the change stays where it is on the screen.
 *
 * @param {Element} list
 * @param {number} topPx where the view begins, below what sticks to the top of the window
 * @param {() => void} change
 */
export function keepPlace(list, topPx, change) {
  const inView = [...list.children]
    .filter((line) => line.getBoundingClientRect().bottom > topPx)
    .slice(0, 40)
    .map((line) => ({ line, top: line.getBoundingClientRect().top }))
  change()
  const anchor = inView.find(({ line }) => line.isConnected)
  if (!anchor) return
  const moved = anchor.line.getBoundingClientRect().top - anchor.top
  if (moved !== 0) window.scrollBy({ top: moved, behavior: 'instant' })
}

/**
 * Lets the browser skip the lines out of view. Each is laid out once first and keeps that height while it is skipped, so nothing jumps when it comes
 * into view.
 *
 * @param {readonly HTMLElement[]} lines
 */
export function skipOutOfView(lines) {
  requestAnimationFrame(() => {
    // Of what is inside: `contain-intrinsic-size` leaves padding and border out.
    const heights = lines.map((line) => line.firstElementChild?.getBoundingClientRect().height)
    lines.forEach((line, index) => {
      if (!heights[index]) return
      line.style.containIntrinsicBlockSize = `auto ${heights[index]}px`
      line.classList.add('skippable')
    })
  })
}
