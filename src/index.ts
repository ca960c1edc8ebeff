export { schemes } from './schemes/index.js'
