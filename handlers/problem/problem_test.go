package problem

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestCodesListsEveryConstant(t *testing.T) {
	source, err := os.ReadFile("problem.go")
	if err != nil {
		t.Fatal(err)
	}
	var constants []Code
	for _, match := range regexp.MustCompile(`Code = "([a-z-]+)"`).FindAllSubmatch(source, -1) {
		constants = append(constants, Code(match[1]))
	}
	if len(constants) == 0 || !slices.Equal(Codes(), constants) {
		t.Errorf("Codes() = %v\nconstants  %v", Codes(), constants)
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
