// Command package builds the zip that Azure Functions takes: host.json, the function folders and the handler, and nothing else.
//
// The same input gives the same bytes, so that a deployment can be told from another by its hash. The handler gets its execute bit in
// the zip: most ways of deploying keep the zip's bits and set none themselves.
package main
