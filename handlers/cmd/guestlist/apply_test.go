package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/operate"
	"guestlist/handlers/policy/rowfile"
	"guestlist/handlers/problem"
)

// TestHalfDoneApplyIsToldInFewLines has more rows than a person reads.
func TestHalfDoneApplyIsToldInFewLines(t *testing.T) {
	var applied operate.Applied
	for i := range 3000 {
		change := operate.Change{Kind: rowfile.Added, Partition: "contoso.com", Name: fmt.Sprintf("row %04d", i)}
		switch i % 3 {
		case 0:
			applied.Written = append(applied.Written, change)
		case 1:
			applied.Unwritten = append(applied.Unwritten, change)
		case 2:
			applied.Unknown = append(applied.Unknown, change)
		}
		applied.Blocked = append(applied.Blocked, fmt.Sprintf("partner%d.com", i))
	}
	var out bytes.Buffer
	printApplied(&out, applied)
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 3+3*(maxNamed+1) || strings.Contains(out.String(), `\n`) {
		t.Errorf("%d lines:\n%s", len(lines), out.String())
	}
	for _, want := range []string{
		"1000 rows written, 1000 not:\n  added contoso.com \"row 0001\"\n", "\n  and 980 more\n",
		"1000 rows written or not, there was no answer:\n  added", "everybody goes to review in 3000 partitions:\n  partner0.com\n", "  and 2980 more\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}

func TestApplyTellsOfPartitionsThatSomebodyUnblocked(t *testing.T) {
	applied := operate.Applied{Unblocked: []string{"contoso.com"}}
	var out bytes.Buffer
	printApplied(&out, applied)
	if !strings.Contains(out.String(), "half of the changes decide in 1 partition:\n  contoso.com\n") {
		t.Errorf("it says:\n%s", out.String())
	}
	s := &session{ctx: context.Background(), stderr: &out}
	if code := s.report(unblocked(applied)); code != exitConflict || !strings.Contains(out.String(), "it goes on with what is left") {
		t.Errorf("exits with %d:\n%s", code, out.String())
	}
}

func TestConflictsAreToldInFewLines(t *testing.T) {
	var changes []operate.Change
	for i := range 1000 {
		changes = append(changes, operate.Change{Partition: "contoso.com", Name: fmt.Sprint(i), Conflict: "was changed"})
	}
	lines := strings.Split(conflicted(changes).Error(), "\n")
	if len(lines) != 2+maxNamed || lines[len(lines)-1] != "  and 980 more" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

func TestFailedWriteHasWordsOfItsOwn(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	const hint = "Is the local run still up?"
	for name, test := range map[string]struct {
		ctx     context.Context
		err     error
		advice  string
		hinted  bool
		exitsBy int
	}{
		"no role": {context.Background(), &problem.Error{Code: problem.StorageUnavailable, Answer: "403 AuthorizationPermissionMismatch"},
			"Storage Table Data Contributor", false, exitFailed},
		"a refused row":   {context.Background(), &problem.Error{Code: problem.InvalidInput, Answer: "400 InvalidInput"}, "Correct the file.", false, exitFindings},
		"an interruption": {ended, problem.New(problem.StorageUnavailable, "no answer"), "goes on with what is left", false, exitFailed},
		"an outage":       {context.Background(), problem.New(problem.StorageUnavailable, "no answer"), "The table could be read before.", true, exitFailed},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			s := &session{ctx: test.ctx, stderr: &out, hint: hint}
			err := writeFailed(s, &deployment{place: place{hint: hint}}, test.err)
			if code := s.report(err); code != test.exitsBy {
				t.Errorf("exits with %d, want %d", code, test.exitsBy)
			}
			if !strings.Contains(out.String(), test.advice) || strings.Contains(out.String(), hint) != test.hinted {
				t.Errorf("it says:\n%s", out.String())
			}
		})
	}
}

// TestProgressOffTerminals tells a line every few seconds.
func TestProgressOffTerminals(t *testing.T) {
	var out bytes.Buffer
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	s := &session{ctx: context.Background(), stderr: &out, now: func() time.Time { return now }}
	progress := s.progress("writing rows")
	for done := range 101 {
		progress(done, 100)
		now = now.Add(time.Second / 2)
	}
	if lines := strings.Count(out.String(), "\n"); lines != 9 || !strings.HasPrefix(out.String(), "writing rows: 10 of 100 (Ctrl-C ends it)\n") {
		t.Errorf("%d lines:\n%s", lines, out.String())
	}
	out.Reset()
	s.progress("deciding")(0, 0)
	if out.Len() > 0 {
		t.Errorf("nothing to do, and it says %q", out.String())
	}
}
