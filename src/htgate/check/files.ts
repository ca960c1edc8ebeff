import { accessSync, constants } from 'node:fs'
import { dirname } from 'node:path'
import { reason } from '../../system/errno.js'
import { permissionFindings, usedFiles } from '../findings/files.js'
import type { Settings } from '../options/index.js'
import type { Area } from './report.js'

/** Who else can read or change the files; and whether the password file can be written, where that is asked for. */
export function fileAreas(settings: Settings): Area[] {
  const areas: Area[] = usedFiles(settings).map((file) => ({
    name: file.flag,
    check: async () => permissionFindings(file),
  }))
  const { rehash, file } = settings
  if (rehash !== undefined && file !== undefined) {
    areas.push({
      name: '--rehash',
      async check() {
        try {
          for (const path of [file, dirname(file)]) accessSync(path, constants.W_OK)
          return [{ state: 'works', text: `${file} can be written` }]
        } catch (error) {
          const text = `${file} cannot be written: ${reason(error as Error)}`
          return [{ state: 'fails', text, hint: 'let the user that htgate runs as write it and its folder' }]
        }
      },
    })
  }
  return areas
}
