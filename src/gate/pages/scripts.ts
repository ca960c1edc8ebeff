import { type PageResponse, script } from './page.js'
import { BASE } from './site.js'

// Scripts of the browser login.

/** GET /.htgate/login.js */
export const loginScript = (): PageResponse =>
  script(`const next = document.getElementById('next').href
location.replace(location.hash ? next + '&fragment=' + encodeURIComponent(location.hash) : next)
`)

/**
 * GET /.htgate/session.js, which page-script.ts adds to the application's page: once a request of the page got a 401
 * and the session has ended, the page is loaded again, which leads to the login and back to the same place.
 */
export const sessionScript = (): PageResponse =>
  script(`{
  const AGAIN = 'htgate-loaded-again'
  const send = window.fetch.bind(window)
  let asked = 0
  const check = async () => {
    const now = Date.now()
    if (now - asked < 2000) return
    asked = now
    const response = await send('${BASE}/session', { cache: 'no-store' })
    if (!response.ok || (await response.json()).loggedIn) return
    // Avoid a loop if the new session is refused, too.
    if (now - Number(sessionStorage.getItem(AGAIN)) < 30000) return
    sessionStorage.setItem(AGAIN, now)
    location.reload()
  }
  const look = () => void check().catch(() => {})
  window.fetch = async (...request) => {
    const response = await send(...request)
    if (response.status === 401) look()
    return response
  }
  // Scripts, styles and images, which MLflow loads on demand.
  addEventListener('error', ({ target }) => target instanceof Element && look(), true)
  // Requests made before this script ran, or in other ways.
  new PerformanceObserver((list) => {
    if (list.getEntries().some(({ responseStatus }) => responseStatus === 401)) look()
  }).observe({ type: 'resource', buffered: true })
}
`)
