package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/azure/tables"
	"guestlist/handlers/dev/azurite"
	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// newDesk starts an emulator with empty tables, and makes them those of a local run.
func newDesk(t *testing.T) *tables.Store {
	t.Helper()
	server, err := azurite.Start(context.Background(), azurite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	store, err := tables.New(tables.Config{ConnectionString: server.ConnectionString()})
	if err == nil {
		err = store.Create(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	text, err := json.Marshal(map[string]string{"storage": server.ConnectionString()})
	if err == nil {
		err = os.MkdirAll(filepath.Dir(runFile), 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.FromSlash(runFile), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// saved saves a request of the address in the state.
func saved(
	t *testing.T, store *tables.Store, email string, state request.State, random io.Reader,
) request.Request {
	t.Helper()
	now := time.Now()
	id, err := submission.NewID(now, random)
	if err != nil {
		t.Fatal(err)
	}
	in := submission.Input{Email: email, GivenName: "Ana", FamilyName: "Silva", Company: "Contoso"}
	s, err := in.Submission(now)
	if err != nil {
		t.Fatal(err)
	}
	decision, err := request.Decider{Rows: store, Seats: store}.Decide(t.Context(), s, now)
	if err != nil {
		t.Fatal(err)
	}
	r, err := store.Save(t.Context(), request.Request{
		ID: id, State: state, Since: now, Submission: s, Decision: &decision,
		Reason: "the row asks for a person", Created: now, Changed: now,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// answer is standard input on which a person answers, after something has happened.
type answer struct {
	before func()
	io.Reader
}

func (a *answer) Read(buffer []byte) (int, error) {
	if a.before != nil {
		a.before()
		a.before = nil
	}
	return a.Reader.Read(buffer)
}

// TestDirectApprovalShowsObjectionThatItNotes approves a request while something comes up: after
// the person was asked, or before.
func TestDirectApprovalShowsObjectionThatItNotes(t *testing.T) {
	const objection = "a guest with this address was deleted"
	for name, test := range map[string]struct {
		shown bool // the objection came up before the person was asked
		code  int
		says  string // standard error
	}{
		"shown":                      {true, exitFine, ""},
		"after the person was asked": {false, exitConflict, "look at it again"},
	} {
		t.Run(name, func(t *testing.T) {
			store := newDesk(t)
			row := policy.Raw{Partition: "contoso.com", Name: "ask", Columns: map[string]any{"Action": "review"}}
			err := store.PutRow(t.Context(), row)
			if err != nil {
				t.Fatal(err)
			}
			r := saved(t, store, "ana@contoso.com", request.Review, strings.NewReader("0123456789abcdef"))
			comesUp := func() {
				r.Objection, r.Reason = "guest-deleted", objection
				_, err := store.Save(t.Context(), r, nil)
				if err != nil {
					t.Error(err)
				}
			}
			stdin := &answer{comesUp, strings.NewReader("y\n")}
			if test.shown {
				comesUp()
				stdin.before = nil
			}
			var stdout, stderr strings.Builder
			s := &session{ctx: t.Context(), stdin: stdin, stdout: &stdout, stderr: &stderr, now: time.Now}
			code := run(s, []string{"request", "approve", string(r.ID), "--direct"})
			if code != test.code || !strings.Contains(stderr.String(), test.says) {
				t.Errorf("exit code %d, standard error %s", code, stderr.String())
			}
			after, err := store.Load(t.Context(), r.ID)
			if err != nil {
				t.Fatal(err)
			}
			approved := after.Approval != nil && after.Approval.Saw == "guest-deleted"
			if approved != test.shown || strings.Contains(stdout.String(), objection) != test.shown {
				t.Errorf("approved: %+v; shown was:\n%s", after.Approval, stdout.String())
			}
		})
	}
}
