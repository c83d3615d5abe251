package main

import (
	"fmt"

	"guestlist/handlers/azure/graph"
	"guestlist/handlers/policy/lint"
	"guestlist/handlers/settings"
)

// directory returns the tenant of the account: that of the Azure CLI's sign-in, or the stand-in
// of a local run. address is that of Graph in a national cloud, or empty.
func (s *session) directory(a account, address string) (lint.Directory, error) {
	at, err := a.find()
	if err != nil {
		return nil, err
	}
	config := graph.Config{URL: at.graph}
	if at.config.ServiceURL != "" {
		config.URL = settings.PublicGraph
		if address != "" {
			config.URL = address
		}
		config.Credential, err = s.signIn(graph.Scope(config.URL))
		if err != nil {
			return nil, err
		}
	}
	tenant, err := graph.New(config)
	if err != nil {
		return nil, fmt.Errorf("connecting to the directory: %w", err)
	}
	return tenant, nil
}
