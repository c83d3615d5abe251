// Command package builds the zips that Azure Functions takes: host.json, the function folders and the handler, and nothing else. One holds
// all functions; the others hold those of a part, for a deployment where the form, the status page and the work are apps of their own.
//
// The same input gives the same bytes, so that a deployment can be told from another by its hash. The handler gets its execute bit in
// the zip: most ways of deploying keep the zip's bits and set none themselves.
package main
