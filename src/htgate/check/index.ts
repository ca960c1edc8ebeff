import { ExitStatus } from '../exit-status.js'
import { print } from '../messages.js'
import type { Settings } from '../options/index.js'
import { certificateAreas } from './certificate.js'
import { fileAreas } from './files.js'
import { issuerAreas } from './issuers.js'
import { listenerAreas } from './listeners.js'
import { groupFileAreas, loginAreas } from './logins.js'
import { askPassword } from './password.js'
import { report } from './report.js'
import { upstreamAreas } from './upstream.js'

/**
 * Tests the whole configuration, and prints what works and what does not.
 * @param user the user to log in as, if any
 * @throws Exit
 */
export async function check(settings: Settings, user: string | undefined): Promise<ExitStatus> {
  const login = user === undefined ? undefined : { user, password: await askPassword(user) }
  const logins = await loginAreas(settings, login)
  try {
    const areas = [
      ...fileAreas(settings),
      ...certificateAreas(settings),
      ...listenerAreas(settings),
      ...upstreamAreas(settings),
      ...groupFileAreas(settings),
      ...issuerAreas(settings),
      ...logins.areas,
    ]
    const failures = await report(areas, print)
    return failures === 0 ? ExitStatus.ok : ExitStatus.failed
  } finally {
    await logins.close()
  }
}
