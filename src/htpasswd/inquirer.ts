/** Loaded by a prompt alone. */
export { default as password } from '@inquirer/password'
