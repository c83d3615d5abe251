// Package directory is the tenant's directory, by Microsoft Graph. It is the only package that imports the Graph SDK.
//
// Every failure is turned once, here, into a *problem.Error that is safe to print: errors of the SDK can hold redeem URLs, lose the
// HTTP status, or panic while printing.
//
// It must not know requests, policy or tables; it offers what package invite asks for.
package graph
