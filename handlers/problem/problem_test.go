package problem

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// constants returns the values of the constants of type Code in a file of this package.
func constants(t *testing.T, name string) []Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []Code
	ast.Inspect(file, func(n ast.Node) bool {
		spec, isValue := n.(*ast.ValueSpec)
		if !isValue {
			return true
		}
		kind, named := spec.Type.(*ast.Ident)
		if !named || kind.Name != "Code" {
			return true
		}
		for _, value := range spec.Values {
			text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, Code(text))
		}
		return true
	})
	return codes
}

func TestCodesListsEveryConstant(t *testing.T) {
	if want := constants(t, "problem.go"); len(want) == 0 || !slices.Equal(Codes(), want) {
		t.Errorf("Codes() = %v\nconstants  %v", Codes(), want)
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
	for _, code := range slices.Concat(Codes(), DirectoryCodes(), []Code{"weather"}) {
		if got := (meaning{code.TenantWide(), code.Probe(), code.Retryable()}); got != tests[code] {
			t.Errorf("%s: %+v, want %+v", code, got, tests[code])
		}
	}
}

func TestErrorWithoutCodeIsInternal(t *testing.T) {
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
}

func TestCauseIsKeptAndNamedOnce(t *testing.T) {
	err := New(StorageUnavailable, "reading the row: %w", io.EOF)
	if !errors.Is(err, io.EOF) {
		t.Error("the cause is lost")
	}
	if n := strings.Count(err.Error(), "EOF"); n != 1 {
		t.Errorf("the cause is named %d times in %q", n, err.Error())
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
