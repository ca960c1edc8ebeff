/** The only prompt in use, so that the bundle leaves out the others. */
export { password } from '@inquirer/prompts'
