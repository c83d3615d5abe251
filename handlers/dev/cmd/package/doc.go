// Command package builds the zips that Azure Functions takes: host.json, the function folders and
// the handler, and nothing else. One zip has all functions. The others have those of one part,
// for a deployment with separate apps for the form, the status page, the review pages and the work.
//
// The same input gives the same bytes, so a hash identifies a deployment. The handler gets its
// execute bit in the zip, because most ways of deploying keep the zip's bits and set none.
//
// It imports only azure/functions/functionjson of this module.
package main
