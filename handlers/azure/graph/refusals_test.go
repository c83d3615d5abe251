package graph

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

const named = "cccccccc-0000-4000-8000-00000000000a"

// asked returns an invitation whose parts an answer may quote.
func asked(t interface{ Fatal(...any) }, address, name string) request.Invitation {
	parsed, err := submission.ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	return request.Invitation{
		Address: parsed, DisplayName: name, RedirectURL: "https://portal.example.com/start", Message: "Welcome to our directory.", Cc: "desk@brand.example",
	}
}

// guestTexts and tenantTexts are texts of Graph, whole, shortened and in other words.
var guestTexts = map[problem.Code][]string{
	request.DirectoryBadAddress: {
		"The invited user email address 'ana+1@contoso.com' is not valid.",
		"Invalid value specified for property 'invitedUserEmailAddress' of resource 'Invitation'.",
		"invitedUserEmailAddress: unsupported character",
		"E-mail is malformed",
		"Group email addresses aren't supported; enter the address of one person.",
		"Not an acceptable format: the e-mail address of the invited user",
	},
	request.DirectoryDomainBlocked: {
		"The domain of the user's email address 'ana@contoso.com' is currently blocked by your invitation policy.",
		"Blocked by your invitation policy",
		"INVITATION POLICY: DOMAIN BLOCKED",
		"Users of contoso.com may not be invited, as this domain isn’t on the allow list of your organization.",
		"The blocklist of this tenant has the domain of the guest.",
		"Inviting users of this domain is not allowed by your organization.",
	},
	request.DirectoryCrossTenant: {
		"This invitation is blocked by cross-tenant access settings. Admins in both your organization and the invited user's organization must " +
			"configure cross-tenant access settings to allow the invitation.",
		"blocked by cross-tenant access settings",
		"Cross tenant access policy: not allowed",
		"The CrossTenantAccessPolicy does not allow this invitation.",
	},
	request.DirectoryCrossTenantOurs: {
		"This invitation is blocked by cross-tenant access settings in your organization.",
		"In your organization, cross-tenant access settings do not let this user in.",
		"Inbound cross-tenant access settings block the invitation",
	},
	request.DirectoryCrossTenantTheirs: {
		"This invitation is blocked by cross-tenant access settings in the invited user's organization.",
		"The home tenant blocks this by its cross-tenant access settings.",
		"Outbound B2B collaboration: blocked in cross-tenant access settings",
	},
	request.DirectoryCrossCloud: {
		"This action can't be completed because the Microsoft B2B Cross Cloud Worker application has been disabled in the invited user’s tenant. " +
			"Ask the invited user’s admin to re-enable it, then try again.",
		"Cross Cloud Worker disabled",
		"B2B collaboration with another cloud isn't enabled for your organization.",
	},
	request.DirectoryAddressTaken: {
		"This user can't be invited to this directory. Please try a different email address for the user or create a user account for them in your directory.",
		"This user can’t be invited. Try another one.",
		"Another object with the same value for property proxyAddresses already exists.",
		"Conflict of proxy addresses",
		"A conflicting contact has the e-mail address already.",
		"The mail address is already in use.",
	},
	request.DirectoryGuestDisabled: {
		"The invited user already exists in the directory as object ID: " + named + ", but the account is blocked from signing in. " +
			"If the account is unblocked, they can use that account to sign in to shared apps and resources.",
		"Account is blocked from signing in",
		"The invited user, object ID " + named + ", may not sign in: disabled.",
		"This user account is disabled in the directory.",
		"Sign-in has been blocked for the user that exists already.",
	},
	request.DirectoryInternalUser: {
		"Invitee is in inviter tenant",
		"The invited user belongs to the inviter's tenant.",
		"Non-external user already exists with the given mail address and can't be invited",
		"An internal user already exists.",
		"The invited user already exists in the directory as object ID: " + named + ". They can use that account to sign in to shared apps and resources.",
		"The e-mail address is in a verified domain of this directory.",
	},
}

var tenantTexts = map[problem.Code][]string{
	request.DirectorySuspicious: {
		"Invitations are blocked for this directory due to suspicious activity. Please contact Microsoft support",
		"Suspicious activity: this directory is blocked",
		"Because of unusual activity your organization can't send invitations.",
	},
	request.DirectoryInvitationsOff: {
		"Guest invitations not allowed for your company. Contact your company administrator for more details.",
		"Guest invitations not allowed for your company",
		"Invitations have been disabled for directory",
		"Your organisation does not allow guest invitations.",
		"In this tenant, B2B invitations are turned off.",
	},
	request.DirectoryForbidden: {
		"Insufficient privileges to perform requested operation by the application '00000003-0000-0000-c000-000000000000'. " +
			"ControllerName=MSGraphInviteAPI, ActionName=CreateInvite, URLAbsolutePath=/api/aaaaaaaa-0000-4000-8000-000000000001/invites",
		"Insufficient privileges to complete the operation.",
		"Privileges: insufficient",
		"The application doesn't have the permission User.Invite.All.",
		"Admin consent is required for the application.",
		"Either scp or roles claim need to be present in the token.",
	},
	request.DirectoryQuota: {
		"The directory object quota limit for the Tenant has been exceeded. Please ask your administrator to increase the quota limit or delete objects to reduce the used quota.",
		"directory object quota limit exceeded",
		"Exceeded: the quota of objects",
		"Your organization has reached the daily limit of invitations.",
	},
}

func TestClassifyInvitation(t *testing.T) {
	for _, texts := range []map[problem.Code][]string{guestTexts, tenantTexts} {
		for want, messages := range texts {
			for _, message := range messages {
				for _, status := range []int{400, 403} {
					for _, form := range []string{message, strings.ToUpper(message), strings.ReplaceAll(message, " ", " \n")} {
						got := classifyInvitation(&answerError{status: status, code: "BadRequest", message: form}, asked(t, "ana@contoso.com", "Ana Silva"))
						if got != want {
							t.Errorf("%d %q: %s, want %s", status, form, got, want)
						}
					}
				}
			}
		}
	}
}

func TestClassifyInvitationByStatusAndCode(t *testing.T) {
	off, taken := tenantTexts[request.DirectoryInvitationsOff][0], guestTexts[request.DirectoryAddressTaken][2]
	tests := map[string]struct {
		status        int
		code, message string
		want          problem.Code // "" where the status says it
	}{
		"a bad request without a known word":   {400, "BadRequest", "No.", request.DirectoryRefused},
		"a bad request without a message":      {400, "BadRequest", "", request.DirectoryUnknown},
		"unprocessable":                        {422, "BadRequest", "No.", request.DirectoryRefused},
		"forbidden without a known word":       {403, "Forbidden", "No.", request.DirectoryUnknown},
		"forbidden without a message":          {403, "Forbidden", "", request.DirectoryUnknown},
		"a permission by its code":             {403, "Authorization_RequestDenied", "", request.DirectoryForbidden},
		"a permission's code with other words": {403, "Authorization_RequestDenied", "Nobody knows why.", request.DirectoryUnknown},
		"a quota by its code":                  {403, "Directory_QuotaExceeded", "Nobody knows why.", request.DirectoryQuota},
		"a quota's code with another status":   {404, "Directory_QuotaExceeded", "Nobody knows why.", request.DirectoryUnknown},
		"a clash by its code":                  {409, "Request_MultipleObjectsWithSameKeyValue", "Nobody knows why.", request.DirectoryAddressTaken},
		"a clash as a conflict":                {409, "Request_BadRequest", taken, request.DirectoryAddressTaken},
		"a conflict":                           {409, "Conflict", "Conflicting object.", ""},
		"not found":                            {404, "NotFound", "No such thing.", request.DirectoryUnknown},
		"not found, in words about the guest":  {404, "NotFound", taken, request.DirectoryAddressTaken},
		"not found, in words about the tenant": {404, "NotFound", off, request.DirectoryUnknown},
		"method not allowed":                   {405, "x", off, request.DirectoryUnknown},
		"a length is missing":                  {411, "x", "", request.DirectoryUnknown},
		"too late":                             {408, "x", off, ""},
		"locked":                               {423, "x", off, ""},
		"too early":                            {425, "x", off, ""},
		"a fault of Graph's":                   {500, "InternalServerError", "An error.", ""},
		"a fault of Graph's about the tenant":  {500, "InternalServerError", off, ""},
		"a fault of Graph's with an address":   {500, "InternalServerError", "Unable to find target address", request.DirectoryUnknown},
		"not implemented":                      {501, "x", "No.", request.DirectoryUnknown},
		"a gateway's fault":                    {502, "x", off, ""},
		"a pause":                              {503, "x", off, ""},
		"suspicion against one account":        {403, "x", "The account is blocked from signing in due to suspicious activity in this directory.", request.DirectoryGuestDisabled},
		"suspicion against one domain":         {403, "x", "Invitations to this domain aren't possible due to suspicious activity.", request.DirectoryUnknown},
		"suspicion without object":             {403, "x", "Suspicious activity.", request.DirectoryUnknown},
		"a right that only members' rows need": {403, "x", "Insufficient privileges to invite a Member.", request.DirectoryUnknown},
		"a right that only sponsors need":      {403, "x", "Insufficient privileges to set sponsors.", request.DirectoryUnknown},
		"a quota of sponsors":                  {400, "x", "The quota of sponsors in this directory is exceeded.", request.DirectoryUnknown},
		"a limit of the message":               {400, "x", "The invitation's message exceeds the maximum length.", request.DirectoryUnknown},
		"invitations off for one person":       {403, "x", "Inviting this person is not allowed in your organization.", request.DirectoryUnknown},
		"invitations off for who is quoted":    {403, "x", "Inviting ana@contoso.com is not allowed in your organization.", request.DirectoryUnknown},
		"invitations off for one type":         {403, "x", "Invitations of type Member are disabled in your organization.", request.DirectoryUnknown},
		"an address of something else":         {400, "x", "The redirect URL is not a valid address.", request.DirectoryRefused},
		"a copy's address":                     {400, "x", "Invalid value for ccRecipients: the e-mail address.", request.DirectoryRefused},
		"a guest's and a tenant's meaning":     {403, "x", off + " " + guestTexts[request.DirectoryCrossTenantOurs][0], request.DirectoryCrossTenantOurs},
		"a guest's meaning and lacking privileges": {403, "x", "Insufficient privileges to complete the operation. The object is the user's: proxyAddresses.",
			request.DirectoryUnknown},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := classifyInvitation(&answerError{status: test.status, code: test.code, message: test.message}, asked(t, "ana@contoso.com", "Ana Silva"))
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// TestNameOfGuestCannotStopAllInvitations: names and addresses are chosen by outsiders, and
// Graph quotes them.
func TestNameOfGuestCannotStopAllInvitations(t *testing.T) {
	for want, texts := range tenantTexts {
		for _, text := range texts {
			name := text[:min(len(text), 200)]
			for _, quote := range []string{name, strings.ToUpper(name), name[:len(name)*2/3], name[len(name)/3:]} {
				for _, message := range []string{"The name '" + quote + "' can't be used.", quote, "Bad: “" + quote + "”"} {
					for _, status := range []int{400, 403} {
						got := classifyInvitation(&answerError{status: status, message: message}, asked(t, "ana@contoso.com", name))
						if request.TenantWide(got) {
							t.Errorf("%q quoted as %q: %s, as for %s", name, message, got, want)
						}
					}
				}
			}
		}
	}
	spelled := asked(t, "invitations@suspicious-activity.directory", "Ana Silva")
	got := classifyInvitation(&answerError{status: 403, message: "No mail to " + spelled.Address.String() + "."}, spelled)
	if got != request.DirectoryUnknown {
		t.Errorf("an address with the words suspicious activity: %s", got)
	}
}

// TestLanguageOfGuestCannotStopAllInvitations: a partner chooses the language, whatever a program
// sends, and Graph may quote it.
func TestLanguageOfGuestCannotStopAllInvitations(t *testing.T) {
	for _, chosen := range []string{"en-x-invite-blocked-company", "x-invites-disabled-tenant", "de-a-guest-restrict-tenants", "no", "en"} {
		in := submission.Input{Email: "ana@contoso.com", GivenName: "Ana", FamilyName: "Silva", Language: chosen}
		s, err := in.Submission(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		invitation := asked(t, "ana@contoso.com", "Ana Silva")
		invitation.MessageLanguage = s.Language
		message := "The language '" + s.Language + "' of the message is not supported."
		got := classifyInvitation(&answerError{status: 400, message: message}, invitation)
		if request.TenantWide(got) {
			t.Errorf("%q: %s", message, got)
		}
	}
}

func TestTextAboutGuestIsNeverTenantWide(t *testing.T) {
	flat := func(texts map[problem.Code][]string) []string {
		var all []string
		for _, list := range texts {
			all = append(all, list...)
		}
		slices.Sort(all)
		return all
	}
	guests, tenants := flat(guestTexts), flat(tenantTexts)
	rapid.Check(t, func(t *rapid.T) {
		parts := []string{
			rapid.SampledFrom(guests).Draw(t, "guest"), rapid.SampledFrom(tenants).Draw(t, "tenant"), rapid.String().Draw(t, "noise"),
		}
		message := strings.Join(rapid.Permutation(parts).Draw(t, "order"), rapid.SampledFrom([]string{" ", ". ", "\n", "; "}).Draw(t, "join"))
		got := classifyInvitation(&answerError{status: rapid.SampledFrom([]int{400, 403}).Draw(t, "status"), message: message}, asked(t, "ana@contoso.com", "Ana Silva"))
		if request.TenantWide(got) || got == "" {
			t.Fatalf("%q: %s", message, got)
		}
	})
}

// TestEveryAnswerHasDocumentedCode: whatever Graph says, it is one of the documented codes, and
// only the words of a tenant's verdict stop everybody.
func TestEveryAnswerHasDocumentedCode(t *testing.T) {
	known := []string{"", "domain", "blocked", "not allowed", "suspicious activity", "insufficient", "privileges", "address", "invalid", "quota", "exceeded",
		"directory", "invitations", "user", "sign in", "can't", "company", "object ID " + named, "ana@contoso.com", "Ana Silva"}
	rapid.Check(t, func(t *rapid.T) {
		message := strings.Join(rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(known), rapid.String()), 0, 8).Draw(t, "words"), " ")
		status := rapid.IntRange(400, 599).Draw(t, "status")
		code := rapid.SampledFrom([]string{"", "BadRequest", "Authorization_RequestDenied", "Directory_QuotaExceeded", "Request_MultipleObjectsWithSameKeyValue"}).Draw(t, "code")
		op := operation{classify: func(a *answerError) problem.Code {
			return classifyInvitation(a, asked(t, "ana@contoso.com", "Ana Silva"))
		},
			private: []string{"ana@contoso.com", "Ana Silva"}}
		failure := problem.From(op.answered(&answerError{status: status, code: code, message: message}))
		if !strings.HasPrefix(string(failure.Code), "directory-") || !slices.Contains(request.DirectoryCodes(), failure.Code) {
			t.Fatalf("%d %q: %s", status, message, failure.Code)
		}
		if request.TenantWide(failure.Code) && status != 400 && status != 401 && status != 403 {
			t.Fatalf("%d %q: %s", status, message, failure.Code)
		}
		if text := strings.ToLower(failure.Error() + failure.Public); strings.Contains(text, "contoso") || strings.Contains(text, "ana silva") {
			t.Fatalf("%q leaks: %s", message, text)
		}
	})
}

// TestWordsOfRulesCanMatch: a word that is not in the form of a plain text would never
// match.
func TestWordsOfRulesCanMatch(t *testing.T) {
	for _, r := range append(slices.Clone(guestRules), tenantRules...) {
		if len(r.all) == 0 || r.code == "" {
			t.Errorf("a rule fits everything, or has no code: %+v", r)
		}
		for _, list := range append(slices.Clone(r.all), r.none) {
			for word := range strings.SplitSeq(string(list), "|") {
				bare := strings.TrimSuffix(word, "*")
				if word != "" && word != quoted && plain(bare) != " "+bare+" " {
					t.Errorf("%s: %q can never match", r.code, word)
				}
			}
		}
	}
}

func TestEveryRefusalTellsAdminWhatToDo(t *testing.T) {
	for _, code := range request.DirectoryCodes() {
		if !request.Retryable(code) && advice[code] == "" && code != request.DirectoryRefused {
			t.Errorf("%s has no advice", code)
		}
	}
}
