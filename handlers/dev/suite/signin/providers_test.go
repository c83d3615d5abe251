package signin

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"guestlist/handlers/azure/graph"
	"guestlist/handlers/dev/internal/subprocess"
	"guestlist/handlers/dev/signinsim"
	"guestlist/handlers/web/signin"
)

const (
	tenant   = "11111111-0000-4000-8000-000000000001"
	clientID = "11111111-0000-4000-8000-000000000002"
	scope    = "https://graph.microsoft.com/User.Read"
)

// startTimeout makes a test fail instead of hang. The provider starts in a second on an idle
// machine.
const startTimeout = 2 * time.Minute

// A provider is where people sign in.
type provider struct {
	address string // scheme and host
	members signin.Memberships
}

func (p provider) issuer() string { return p.address + "/" + tenant + "/v2.0" }

// providers starts each provider for a client with the redirect URIs, of which the last one is for
// sign-out, and with the signer's key.
var providers = map[string]func(t *testing.T, redirects []string, signer *signinsim.Signer) provider{
	"stand-in": startStandIn,
	"referee":  startReferee,
}

// startStandIn starts the stand-in.
func startStandIn(t *testing.T, redirects []string, signer *signinsim.Signer) provider {
	t.Helper()
	var sim *signinsim.Server
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { sim.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	p := provider{address: server.URL}
	credential := signer.Credential()
	credential.Audience = p.issuer()
	var err error
	sim, err = signinsim.New(signinsim.Config{Tenant: tenant, Clients: []signinsim.Client{{
		ID: clientID, RedirectURIs: redirects, Credentials: []signinsim.Credential{credential},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	p.members, err = graph.NewMemberships(graph.Config{URL: p.address})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// startReferee starts the provider from npm.
func startReferee(t *testing.T, redirects []string, signer *signinsim.Signer) provider {
	t.Helper()
	modules, err := filepath.Abs("../../../../.local/provider")
	if err != nil {
		t.Fatal(err)
	}
	_, err = os.Stat(filepath.Join(modules, "installed.json"))
	if err != nil {
		t.Fatal("the provider is not installed: run make setup")
	}
	people := map[string]map[string]any{}
	for _, person := range signinsim.People() {
		claims := map[string]any{"oid": person.ID, "tid": tenant, "acct": 0, "name": person.Name, "preferred_username": person.UserName}
		if person.Guest {
			claims["acct"] = 1
		}
		if len(person.Roles) > 0 {
			claims["roles"] = person.Roles
		}
		people[person.Key] = claims
	}
	config, err := json.Marshal(map[string]any{
		"tenant": tenant, "client": clientID, "redirects": redirects, "signedOut": redirects[len(redirects)-1], "key": signer.JWK(), "scope": scope, "people": people,
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "--no-warnings", "provider.mjs")
	cmd.Env = append(os.Environ(), "SIGNINTEST_MODULES="+modules)
	input, ofInput := cmd.StdinPipe()
	output, writer, ofOutput := os.Pipe()
	if ofInput != nil || ofOutput != nil {
		t.Fatal(ofInput, ofOutput)
	}
	cmd.Stdout = writer
	process, err := subprocess.Start(cmd)
	_ = writer.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Kill()
		_ = output.Close()
	})
	_, err = fmt.Fprintf(input, "%s\n", config)
	if err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(output)
		for lines.Scan() {
			if line := lines.Text(); len(line) > 4 && line[:4] == "http" {
				address <- line
				break
			}
		}
		for lines.Scan() { // a full pipe would stop the provider
		}
	}()
	select {
	case started := <-address:
		return provider{started, userInfo(started)}
	case <-process.Done():
		t.Fatal("the provider ended at once")
	case <-time.After(startTimeout):
		t.Fatalf("the provider did not start within %s", startTimeout)
	}
	return provider{}
}

// userInfo is the address of a provider without groups: it tells who the person of a token is, and
// the groups are those that the person has at the stand-in.
type userInfo string

func (u userInfo) Groups(ctx context.Context, token string, _ int) ([]string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, string(u)+"/oidc/userinfo", nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var person struct {
		ID string `json:"oid"`
	}
	err = json.NewDecoder(response.Body).Decode(&person)
	if err != nil {
		return nil, err
	}
	people := signinsim.People()
	i := slices.IndexFunc(people, func(p signinsim.Person) bool { return p.ID == person.ID })
	if i < 0 {
		return nil, fmt.Errorf("status %d, and nobody is named", response.StatusCode)
	}
	return people[i].Groups, nil
}
