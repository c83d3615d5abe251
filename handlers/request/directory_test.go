package request

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"guestlist/handlers/problem"
)

func TestEveryDirectoryCodeHasMeaning(t *testing.T) {
	source, err := os.ReadFile("directory.go")
	if err != nil {
		t.Fatal(err)
	}
	var constants []problem.Code
	for _, match := range regexp.MustCompile(`Code = "([a-z-]+)"`).FindAllSubmatch(source, -1) {
		constants = append(constants, problem.Code(match[1]))
	}
	slices.Sort(constants)
	if len(constants) == 0 || !slices.Equal(DirectoryCodes(), constants) {
		t.Errorf("DirectoryCodes() = %v\nconstants          %v", DirectoryCodes(), constants)
	}
	for _, code := range constants {
		public := DirectoryPublic(code)
		if Retryable(code) != (public == "") {
			t.Errorf("%s: the partner reads %q", code, public)
		}
		if code != DirectoryBadAddress && !slices.Contains([]string{"", askYourContact, notNow}, public) {
			t.Errorf("%s tells the partner more than that it was refused: %q", code, public)
		}
	}
}

func TestMeaningsOfCodes(t *testing.T) {
	type meaning struct{ tenantWide, probe, retry bool }
	tests := map[problem.Code]meaning{
		DirectorySuspicious:        {true, false, false},
		DirectoryInvitationsOff:    {true, true, false},
		DirectoryForbidden:         {true, true, false},
		DirectoryNoToken:           {true, true, false},
		DirectoryRefusesAll:        {true, true, false},
		DirectoryQuota:             {true, true, false},
		DirectoryAppQuota:          {true, true, false},
		DirectoryThrottled:         {false, false, true},
		DirectoryUnavailable:       {false, false, true},
		DirectoryUnknown:           {false, false, true},
		DirectoryNotReplicated:     {false, false, true},
		problem.Internal:           {false, false, true},
		problem.Conflict:           {false, false, true},
		problem.StorageUnavailable: {false, false, true},
		problem.CaptchaUnavailable: {false, false, true},
		problem.SignInUnavailable:  {false, false, true},
		problem.TooManyRequests:    {false, false, true},
		MailThrottled:              {false, false, true},
		MailUnavailable:            {false, false, true},
		MailUnreached:              {false, false, true},
		MailForbidden:              {false, false, true},
		"weather":                  {false, false, true},
	}
	for _, code := range slices.Concat(problem.Codes(), DirectoryCodes(), MailCodes(), []problem.Code{"weather"}) {
		if got := (meaning{TenantWide(code), Probe(code), Retryable(code)}); got != tests[code] {
			t.Errorf("%s: %+v, want %+v", code, got, tests[code])
		}
	}
}
