package request

import (
	"strings"
	"testing"

	"guestlist/handlers/problem"
)

func TestEveryBreakerCauseHasCure(t *testing.T) {
	known := 0
	for _, code := range append(problem.Codes(), DirectoryCodes()...) {
		_, has := causes[code]
		if has != TenantWide(code) {
			t.Errorf("%s: it has a text: %t; it opens the breaker: %t", code, has, TenantWide(code))
		}
		if has {
			known++
		}
		cause := CauseOf(code)
		if !strings.HasSuffix(cause.Means, ".") || !strings.HasSuffix(cause.Cure, ".") {
			t.Errorf("%s has no whole sentences: %+v", code, cause)
		}
	}
	if known != len(causes) {
		t.Error("there is a text without a code")
	}
}
