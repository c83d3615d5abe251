package session_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"guestlist/handlers/web/session"
)

const (
	group  = "aaaaaaaa-0000-4000-8000-00000000000a"
	group2 = "aaaaaaaa-0000-4000-8000-00000000000b"
)

func TestGroupsCountOnlyWhereKnown(t *testing.T) {
	tests := map[string]struct {
		session session.Session
		group   string
		want    bool
	}{
		"a member":                {session.Session{Groups: []string{group}, GroupsKnown: true}, group, true},
		"written in another case": {session.Session{Groups: []string{group}, GroupsKnown: true}, strings.ToUpper(group), true},
		"another group":           {session.Session{Groups: []string{group}, GroupsKnown: true}, group2, false},
		"no group":                {session.Session{GroupsKnown: true}, "", false},
		"groups are not known":    {session.Session{Groups: []string{group}}, group, false},
	}
	for name, test := range tests {
		if got := test.session.In(test.group); got != test.want {
			t.Errorf("%s: %t, want %t", name, got, test.want)
		}
	}
}

func TestNoRoleIncludesAnother(t *testing.T) {
	for _, role := range session.Roles() {
		s := session.Session{Roles: []session.Role{role}}
		for _, other := range session.Roles() {
			if s.Has(other) != (other == role) {
				t.Errorf("%s has %s: %t", role, other, s.Has(other))
			}
		}
	}
}

func TestIDsHaveOneSpelling(t *testing.T) {
	id, err := session.NewID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := id.Text()
	got, valid := session.ParseID(text)
	if !valid || got != id || len(text) != 43 {
		t.Errorf("%d characters are read as another id", len(text))
	}
	zero := session.ID{}.Text()
	for name, text := range map[string]string{
		"nothing": "", "too short": text[:42], "too long": text + "A", "padded": text[:42] + "=", "a line end": zero[:42] + "\n",
		"unused bits set": zero[:42] + "B", "the other alphabet": zero[:42] + "+", "two short of a line end": zero[:41] + "\r\n",
	} {
		_, valid := session.ParseID(text)
		if valid {
			t.Errorf("%s is read as an id", name)
		}
	}
}

func TestNewIDNeedsRandomness(t *testing.T) {
	for name, source := range map[string]*bytes.Reader{"nothing": bytes.NewReader(nil), "too little": bytes.NewReader(make([]byte, 31))} {
		_, err := session.NewID(source)
		if err == nil {
			t.Errorf("%s: an id was made", name)
		}
	}
	_, err := session.NewID(iotest.ErrReader(errors.New("no entropy")))
	if err == nil {
		t.Error("an id was made of an error")
	}
}

func TestKeyIsNotTheID(t *testing.T) {
	one, _ := session.NewID(rand.Reader)
	other, _ := session.NewID(rand.Reader)
	copied := one
	if session.Key(one) == one.Key() || one.Key() == other.Key() || copied.Key() != one.Key() {
		t.Error("keys are ids, or not those of their ids")
	}
}
