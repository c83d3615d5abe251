// Package channels reads the settings of the channels by which those who decide get notices, and
// opens the channels that are configured.
//
// It must not know what is sent by them. It imports only azure/eventgrid, azure/teams,
// azure/webhook, request and settings of this module.
package channels
