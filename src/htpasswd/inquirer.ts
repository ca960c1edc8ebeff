/** The only prompt in use. Exporting it alone keeps the others out of the bundle. */
export { password } from '@inquirer/prompts'
