// Compiles queries with Kusto's language service. Prints a JSON line {path, text, at} for each
// fault, then one with the number of queries. Arguments: the folder with node_modules, then the
// files.
const { readFileSync } = require('node:fs')
const { join } = require('node:path')

const [home, ...paths] = process.argv.slice(1)
const service = join(home, 'node_modules', '@kusto', 'language-service-next')
require(join(service, 'bridge.min.js'))
require(join(service, 'Kusto.Language.Bridge.min.js'))
const { GlobalState, KustoCode, Symbols } = globalThis.Kusto.Language

// Columns that Azure Monitor documents for these tables, as far as queries need them
// (https://learn.microsoft.com/azure/azure-monitor/reference/tables-index).
const columns = {
  AppTraces: 'TimeGenerated: datetime, Message: string, SeverityLevel: int, Properties: dynamic, AppRoleName: string, OperationId: string, ItemCount: int',
  AppRequests: 'TimeGenerated: datetime, Name: string, OperationName: string, Success: bool, ResultCode: string, DurationMs: real, AppRoleName: string',
  StorageQueueLogs: 'TimeGenerated: datetime, OperationName: string, Uri: string, StatusCode: int, AccountName: string',
}
const tables = Object.entries(columns).map(([name, list]) => Symbols.TableSymbol.From('(' + list.replaceAll(': ', ':') + ')').WithName(name))
const workspace = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.ctor('workspace', tables))

for (const path of paths) {
  const text = readFileSync(path, 'utf8')
  const faults = KustoCode.ParseAndAnalyze(text, workspace).GetDiagnostics()
  for (let i = 0; i < faults.Count; i++) {
    const fault = faults.getItem(i)
    console.log(JSON.stringify({ path, text: fault.Message, at: text.substr(fault.Start, fault.Length) }))
  }
}
console.log(JSON.stringify({ queries: paths.length }))
