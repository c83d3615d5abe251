package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"regexp"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"guestlist/handlers/azure/graph"
	"guestlist/handlers/azure/identity"
	"guestlist/handlers/azure/queues"
	"guestlist/handlers/azure/tables"
	"guestlist/handlers/policy/lint"
	"guestlist/handlers/settings"
)

// account are the flags that name a deployment.
type account struct {
	Account   string `placeholder:"NAME" help:"Storage account of the deployment, reached with the sign-in of the Azure CLI (az login)."`
	TablesURL string `name:"tables-url" placeholder:"URL" help:"The same by the address of its table service, for private endpoints and national clouds."`
	Local     bool   `help:"The local run of the project that the working directory is in (make run). The default where there is one."`
}

// runFile is the file in which a local run lists its addresses.
const runFile = ".local/run.json"

// accountName is the form of a storage account's name
// (https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftstorage).
var accountName = regexp.MustCompile(`^[a-z0-9]{3,24}$`)

// place is a deployment or a local run.
type place struct {
	name   string // for people
	config tables.Config
	hint   string // what to check if it can't be reached
	graph  string // the address of a local run's Graph stand-in; empty for Azure
	// settings are those of a local run for what sends mails and notices.
	settings map[string]string
}

// deployment is a place with its tables open.
type deployment struct {
	place
	*tables.Store
}

// find returns the place that the flags and the working directory name.
func (a account) find() (place, error) {
	named := 0
	for _, given := range []bool{a.Account != "", a.TablesURL != "", a.Local} {
		if given {
			named++
		}
	}
	switch {
	case named > 1:
		return place{}, usage("--account, --tables-url and --local are three ways to name one storage account: give one of them")
	case a.Account != "":
		if !accountName.MatchString(a.Account) {
			return place{}, usage("--account: a storage account's name has 3 to 24 lower-case letters and digits")
		}
		return azure("storage account "+a.Account, "https://"+a.Account+".table.core.windows.net"), nil
	case a.TablesURL != "":
		address, err := url.Parse(a.TablesURL)
		if err != nil || address.Scheme != "https" || address.Host == "" || address.User != nil ||
			address.RawQuery != "" || address.Fragment != "" {
			return place{}, usage("--tables-url: the address must look like https://NAME.table.core.windows.net")
		}
		return azure("the tables at "+address.Host, a.TablesURL), nil
	}
	local, err := findRun()
	switch {
	case err != nil:
		return place{}, err
	case local != nil:
		return *local, nil
	case a.Local:
		return place{}, fmt.Errorf("there is no local run: no %s in the working directory or above it; make run starts one "+
			"in the project's folder, the one with host.json, and no folder above that counts", runFile)
	}
	return place{}, usage("which deployment? Give --account NAME for a deployment, " +
		"or start a local run (make run) and stay in its folder")
}

func azure(name, address string) place {
	return place{
		name:   name + ", as the Azure CLI is signed in",
		config: tables.Config{ServiceURL: address},
		hint: "Is the name right, does the account's network let this machine in, and do you have the role " +
			"Storage Table Data Contributor on it (Storage Table Data Reader to look only)? A new role takes some minutes.",
	}
}

// findRun looks for a local run in the working directory, and in the project's folder: the nearest
// one from there upwards with a host.json. What lies in other folders, in which others may write,
// does not say which storage is meant. It returns nil if there is none.
func findRun() (*place, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	root := dir
	for !isProject(root) {
		parent := filepath.Dir(root)
		if parent == root {
			root = dir // there is no project
			break
		}
		root = parent
	}
	for _, folder := range []string{dir, root} {
		path := filepath.Join(folder, filepath.FromSlash(runFile))
		text, err := os.ReadFile(path)
		if err == nil {
			return readRun(path, text)
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("looking for a local run: %w", err)
		}
	}
	return nil, nil
}

func isProject(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "host.json"))
	return err == nil
}

func readRun(path string, text []byte) (*place, error) {
	var at struct {
		Graph, Storage string
		Settings       map[string]string
	}
	err := json.Unmarshal(text, &at)
	if err != nil || at.Storage == "" {
		return nil, fmt.Errorf("%s names no storage: start the local run again (make run), "+
			"or give --account NAME for a deployment", path)
	}
	return &place{
		name: "the local run of " + path, config: tables.Config{ConnectionString: at.Storage}, graph: at.Graph, settings: at.Settings,
		hint: "Is the local run still up? make run starts it.",
	}, nil
}

// ProvideDeployment opens the tables for commands that take them, and prints which. It signs in
// first, so that a missing sign-in is reported as such.
func (a account) ProvideDeployment(s *session) (*deployment, error) {
	at, err := a.find()
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(s.stderr, "using "+plain(at.name))
	if at.config.ServiceURL != "" {
		at.config.Credential, err = s.signIn(identity.StorageScope)
		if err != nil {
			return nil, err
		}
	}
	at.config.PageTime, at.config.OnPage = pageTime, s.newProgress().page
	store, err := tables.New(at.config)
	if err != nil {
		return nil, err
	}
	s.hint = at.hint
	return &deployment{at, store}, nil
}

// signIn returns the sign-in of the Azure CLI, once it has handed out a token for the scope.
func (s *session) signIn(scope string) (azcore.TokenCredential, error) {
	credential, err := identity.AzureCLI(s.ctx, scope)
	if err != nil {
		return nil, advised{err, "Sign in with az login, in the tenant of the deployment."}
	}
	return credential, nil
}

// localMark follows the name of a user of a local run, who is not signed in.
const localMark = " (on this machine, not signed in)"

// whoami returns the name under which decisions are recorded: of the sign-in or a local user.
func (s *session) whoami(at place) (string, error) {
	if at.config.Credential == nil {
		current, err := user.Current()
		if err != nil {
			return "", err
		}
		return current.Username + localMark, nil
	}
	token, err := at.config.Credential.GetToken(s.ctx, azpolicy.TokenRequestOptions{Scopes: []string{identity.StorageScope}})
	if err != nil {
		return "", err
	}
	claims, err := identity.ParseClaims(token.Token)
	if err != nil {
		return "", err
	}
	return claims.Name()
}

// directory returns the account's tenant, or a stand-in. address is a national cloud's or empty.
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

// queues returns the queue service of the same account as the tables.
func (p place) queues() (*queues.Service, error) {
	return queues.New(queues.Config{
		ConnectionString: p.config.ConnectionString, TablesURL: p.config.ServiceURL, Credential: p.config.Credential,
	})
}
