import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'vitest'
import { lacksOrdinaryUser } from '../support/ordinary-user.js'
import { describeIf, describeWith } from '../support/peers.js'
import { play } from './play.js'
import type { Player } from './session.js'

const sessions = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.txt'))
  .sort()

describeIf(lacksOrdinaryUser, 'our htpasswd', () => {
  test.each(sessions)('%s', (session) => playFile(session, 'ours'))
})

describeWith(['htpasswd'], 'Apache’s htpasswd', () => {
  test.each(sessions)('%s', (session) => playFile(session, 'apache'))
})

const playFile = (name: string, player: Player) =>
  play(readFileSync(join(import.meta.dirname, name), 'utf8'), player)
