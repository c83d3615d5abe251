// Reads Bicep files by the tree-sitter grammar and prints what it does not understand, as JSON lines {path, line, column}.
// Arguments: the folder with node_modules, then the files.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const [home, ...paths] = process.argv.slice(1)
const require = createRequire(join(home, 'node_modules', '/'))
const Parser = require('tree-sitter')
const parser = new Parser()
parser.setLanguage(require('tree-sitter-bicep'))

// The grammar is older than extensions, and takes a parameters file for a template.
const readable = (path, text) =>
  path.endsWith('.bicepparam')
    ? text.replace(/^param(?= \w+ =)/gm, 'var  ')
    : text.replace(/^extension .*$/gm, (line) => '/'.repeat(2) + line.slice(2))

const faults = (node) =>
  node.type === 'ERROR' || node.isMissing ? [node.startPosition] : node.hasError ? node.children.flatMap(faults) : []

for (const path of paths) {
  const tree = parser.parse(readable(path, readFileSync(path, 'utf8')))
  for (const { row, column } of faults(tree.rootNode)) {
    console.log(JSON.stringify({ path, line: row + 1, column: column + 1 }))
  }
}
