// Package deployment tests what deploys Guestlist: the templates in infra, the zips, the scripts,
// the workflow, and the queries of alerts and workbook. It compares them with the program: its
// settings, functions, queues, tables and log lines.
//
// The tests of the templates read the snapshots beside the parameter files, which the Bicep
// compiler writes (make templates). A snapshot lists the resources that a deployment would make.
// No test needs Azure, so none shows how Azure behaves.
package deployment
