import { accessSync, constants } from 'node:fs'
import { dirname } from 'node:path'
import { reason } from '../../system/errno.js'
import { permissionFindings, usedFiles } from '../findings/files.js'
import type { Settings } from '../options/index.js'
import type { Area } from './report.js'

/** Whether other users can read or change the files, and whether --rehash can write the password file. */
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
          return [{ state: 'works', text: `${file} is writable` }]
        } catch (error) {
          const text = `cannot write ${file}: ${reason(error as Error)}`
          return [
            {
              state: 'fails',
              text,
              hint: 'the user that htgate runs as needs write access to it and its folder',
            },
          ]
        }
      },
    })
  }
  return areas
}
