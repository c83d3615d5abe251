package problemdetails

import (
	"net/http"
	"testing"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

func TestEveryCodeHasStatusAndTitle(t *testing.T) {
	for _, code := range problem.Codes() {
		_, known := kinds[code]
		if !known || Status(code) < 400 || Title(code) == "" {
			t.Errorf("%s: known %t, status %d, title %q", code, known, Status(code), Title(code))
		}
	}
	if len(kinds) != len(problem.Codes()) {
		t.Errorf("%d codes have a status, and package problem has %d", len(kinds), len(problem.Codes()))
	}
}

// A refusal of its own would tell who has an account: the sender has not proved to own the
// address.
func TestUnknownCodesAndThoseOfDirectoryAreInternalErrors(t *testing.T) {
	for _, code := range append(request.DirectoryCodes(), "weather") {
		if Status(code) != http.StatusInternalServerError || Title(code) != Title(problem.Internal) {
			t.Errorf("%s: %d %q differs from an internal error", code, Status(code), Title(code))
		}
	}
}

func TestPasses(t *testing.T) {
	passing := map[problem.Code]bool{
		problem.Internal: true, problem.Conflict: true, problem.StorageUnavailable: true,
		problem.RecordUnreadable: true, problem.CaptchaUnavailable: true, problem.SignInUnavailable: true, problem.TooManyRequests: true, "weather": true,
	}
	for _, code := range append(problem.Codes(), "weather") {
		if Passes(code) != passing[code] {
			t.Errorf("%s: %t, want %t", code, Passes(code), passing[code])
		}
	}
}
