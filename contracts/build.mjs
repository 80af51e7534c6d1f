// Compiles the contracts: `node build.mjs` writes out/, `node build.mjs --check` fails where out/ differs.
// The compiler and the library are those of package-lock.json; `cargo xtask contracts` brings both and calls this.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const [packages, ...flags] = process.argv.slice(2)
const here = dirname(fileURLToPath(import.meta.url))
const solc = createRequire(join(packages, 'package.json'))('solc')
const NAMES = ['Registry', 'Council']

// Every source that takes part, with its hash: what the bytecode was made from.
const sources = {}
const hashes = {}
const add = (name, text) => {
  sources[name] = { content: text }
  hashes[name] = createHash('sha256').update(text).digest('hex')
}
const wanted = NAMES.map((name) => `${name}.sol`)
for (const name of wanted) add(name, readFileSync(join(here, name), 'utf8'))
const imports = (path) => {
  const text = readFileSync(join(packages, 'node_modules', path), 'utf8')
  hashes[path] = createHash('sha256').update(text).digest('hex')
  return { contents: text }
}

const settings = {
  // Runs on every EVM since 2022, and takes the reproducible bytes only: no metadata at the end.
  evmVersion: 'paris',
  optimizer: { enabled: true, runs: 200 },
  metadata: { bytecodeHash: 'none', appendCBOR: false },
  outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object', 'evm.methodIdentifiers'] } },
}
const output = JSON.parse(
  solc.compile(JSON.stringify({ language: 'Solidity', sources, settings }), { import: imports }),
)
const faults = (output.errors ?? []).filter((each) => each.severity !== 'info')
if (faults.length > 0) {
  console.error(faults.map((each) => each.formattedMessage).join('\n'))
  process.exit(1)
}

mkdirSync(join(here, 'out'), { recursive: true })
let differs = false
for (const name of NAMES) {
  const made = output.contracts[`${name}.sol`][name]
  const text = JSON.stringify({
    contract: name,
    compiler: solc.version(),
    evmVersion: settings.evmVersion,
    optimizerRuns: settings.optimizer.runs,
    sources: Object.fromEntries(Object.entries(hashes).sort()),
    methods: made.evm.methodIdentifiers,
    abi: made.abi,
    bytecode: made.evm.bytecode.object,
    deployedBytecode: made.evm.deployedBytecode.object,
  }, null, 1) + '\n'
  const file = join(here, 'out', `${name}.json`)
  const size = made.evm.deployedBytecode.object.length / 2
  if (size > 24576) throw new Error(`${name} is ${size} bytes; a contract has at most 24576`)
  if (flags.includes('--check')) {
    const same = existsSync(file) && readFileSync(file, 'utf8') === text
    console.log(`${name}: ${size} bytes, ${same ? 'the same bit for bit' : 'DIFFERS'}`)
    differs ||= !same
  } else {
    writeFileSync(file, text)
    console.log(`${name}: ${size} bytes, written`)
  }
}
process.exit(differs ? 1 : 0)
