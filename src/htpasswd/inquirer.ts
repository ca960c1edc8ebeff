/** The one prompt that is used: in the bundle, the others are left out. */
export { password } from '@inquirer/prompts'
