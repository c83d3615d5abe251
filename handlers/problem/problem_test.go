package problem

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestEveryCodeHasAMeaningOutside(t *testing.T) {
	for _, code := range Codes() {
		if code.Status() < 400 || code.Title() == "" {
			t.Errorf("%s: status %d, title %q", code, code.Status(), code.Title())
		}
	}
}

func TestWhatStopsAllInvitations(t *testing.T) {
	type meaning struct{ tenantWide, probe, retry bool }
	tests := map[Code]meaning{
		DirectorySuspicious:     {true, false, false},
		DirectoryInvitationsOff: {true, true, false},
		DirectoryForbidden:      {true, true, false},
		DirectoryQuota:          {true, true, false},
		DirectoryThrottled:      {false, false, true},
		DirectoryUnavailable:    {false, false, true},
		DirectoryUnknown:        {false, false, true},
		DirectoryNotReplicated:  {false, false, true},
		Internal:                {false, false, true},
		Conflict:                {false, false, true},
		StorageUnavailable:      {false, false, true},
		ChallengeUnavailable:    {false, false, true},
		TooManyRequests:         {false, false, true},
		"weather":               {false, false, true},
	}
	for _, code := range append(Codes(), "weather") {
		if got := (meaning{code.TenantWide(), code.Probe(), code.Retryable()}); got != tests[code] {
			t.Errorf("%s: %+v, want %+v", code, got, tests[code])
		}
	}
}

// TestThePublicLearnsNothingOfAnAccount: who asks has not shown to own the address.
func TestThePublicLearnsNothingOfAnAccount(t *testing.T) {
	for _, code := range []Code{DirectoryGuestDisabled, DirectoryInternalUser, DirectoryAddressTaken, DirectoryDomainBlocked, DirectoryBadAddress} {
		if code.Status() != DirectoryRefused.Status() || code.Title() != DirectoryRefused.Title() {
			t.Errorf("%s: %d %q differs from any other refusal", code, code.Status(), code.Title())
		}
	}
}

func TestAnErrorWithoutACodeIsAFaultOfOurs(t *testing.T) {
	tests := map[string]struct {
		err  error
		want Code
	}{
		"nil":             {nil, ""},
		"foreign":         {io.EOF, Internal},
		"no code":         {&Error{}, Internal},
		"unknown code":    {&Error{Code: "weather"}, "weather"},
		"wrapped":         {fmt.Errorf("loading: %w", New(Conflict, "row moved")), Conflict},
		"outermost wins":  {New(NotFound, "no row: %w", New(Conflict, "row moved")), NotFound},
		"wrapped foreign": {New(StorageUnavailable, "reading: %w", io.EOF), StorageUnavailable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := CodeOf(test.err); got != test.want {
				t.Errorf("CodeOf = %q, want %q", got, test.want)
			}
		})
	}
	if status := Code("weather").Status(); status != 500 {
		t.Errorf("an unknown code has status %d, want 500", status)
	}
}

func TestTheCauseIsKeptAndSaidOnce(t *testing.T) {
	err := New(StorageUnavailable, "reading the row: %w", io.EOF)
	if !errors.Is(err, io.EOF) {
		t.Error("the cause is lost")
	}
	if n := strings.Count(err.Error(), "EOF"); n != 1 {
		t.Errorf("the cause is said %d times in %q", n, err.Error())
	}
	if !errors.Is(fmt.Errorf("step: %w", err), &Error{Code: StorageUnavailable}) {
		t.Error("errors.Is does not match on the code")
	}
}

func TestFromGivesEveryErrorACode(t *testing.T) {
	if From(nil) != nil {
		t.Error("From(nil) is not nil")
	}
	if got := From(io.EOF); got.Code != Internal || !errors.Is(got, io.EOF) {
		t.Errorf("From(io.EOF) = %v", got)
	}
}
