/** Of the library's prompts the one that is used: in a bundle, the others stay behind. */
export { password } from '@inquirer/prompts'
