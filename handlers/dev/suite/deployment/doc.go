// Package deployment holds what deploys Guestlist (infra, the zip, the workflow, the queries of alerts and workbook) to what is deployed:
// the settings that the program reads, the functions, queues and tables that it has, the log lines that it writes. All of it is tests, and
// none needs Azure. What only a deployment can show, such as the properties that a resource takes, is not its business.
package deployment
