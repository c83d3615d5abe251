// Package eventgrid implements the port for notices by a custom topic of Azure Event Grid: each is
// an event as CloudEvents 1.0 has it, in JSON. Who gets the events, and how often a delivery is
// tried again, is set up at the topic.
//
// An event that comes twice has the same source and id, by which CloudEvents has consumers know it
// again.
//
// It must not know when a notice is due. It imports only azure/internal/posting and request of this
// module.
package eventgrid
