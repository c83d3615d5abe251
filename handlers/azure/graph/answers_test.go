package graph_test

import (
	"strings"
	"testing"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// TestAnswersAndTheirCodes has the answers that are easily taken for something else, and what they
// mean for each call.
func TestAnswersAndTheirCodes(t *testing.T) {
	const jsonType = "application/json"
	missing := func(id string) string {
		return "Resource '" + id + "' does not exist or one of its queried reference-property " +
			"objects are not present."
	}
	tests := map[string]struct {
		operation, contentType, body string
		status                       int
		want                         problem.Code
		says                         string // that the detail repeats
	}{
		"the app's own quota": {"Invite", jsonType, graphError("Directory_QuotaExceeded",
			"The directory object quota limit for the Principal has been exceeded. Please ask your "+
				"administrator to increase the quota limit or delete objects to reduce the used quota."),
			403, request.DirectoryAppQuota, "Principal"},
		"the app's own quota, without the code": {"Invite", jsonType, graphError("BadRequest",
			"The directory object quota limit for the Principal has been exceeded."),
			403, request.DirectoryAppQuota, "Principal"},
		"the tenant's quota": {"Invite", jsonType, graphError("Directory_QuotaExceeded",
			"The directory object quota limit for the Tenant has been exceeded."),
			403, request.DirectoryQuota, "Tenant"},
		"an unknown error without words": {
			"Invite", jsonType, graphError("UnknownError", ""), 400, request.DirectoryUnknown,
			"UnknownError",
		},
		"an unknown error without words, forbidden": {
			"Invite", jsonType, graphError("UnknownError", ""), 403, request.DirectoryUnknown,
			"UnknownError",
		},
		"an unknown error about a membership": {
			"AddMember", jsonType, graphError("UnknownError", ""), 400, request.DirectoryUnknown,
			"UnknownError",
		},
		"an unknown error about a search": {
			"FindUser", jsonType, graphError("UnknownError", ""), 400, request.DirectoryUnknown,
			"UnknownError",
		},
		"words in an older form": {
			"Invite", jsonType,
			`{"odata.error":{"code":"Request_BadRequest",` +
				`"message":{"lang":"en","value":"Invitee is in inviter tenant"}}}`,
			400, request.DirectoryInternalUser, "inviter tenant",
		},
		"words in an object": {
			"Invite", jsonType,
			`{"error":{"code":"Request_BadRequest",` +
				`"message":{"lang":"en","value":"Invitee is in inviter tenant"}}}`,
			400, request.DirectoryInternalUser, "inviter tenant",
		},
		"an older form without words": {
			"Invite", jsonType, `{"odata.error":{"code":"Request_BadRequest","message":null}}`, 400,
			request.DirectoryUnknown, "Request_BadRequest",
		},
		"words in an object of an unknown form": {
			"Invite", jsonType,
			`{"error":{"code":"Request_BadRequest","message":{"text":"Invitee is in inviter tenant"}}}`,
			400, request.DirectoryUnknown, "Request_BadRequest",
		},
		"an older form about a membership": {
			"AddMember", jsonType,
			`{"odata.error":{"code":"Request_ResourceNotFound",` +
				`"message":{"lang":"en","value":"` + missing(guest) + `"}}}`,
			404, request.DirectoryNotReplicated, "does not exist",
		},
		"a page about the invitation": {
			"Invite", "text/html", "<html>No.", 400, request.DirectoryUnknown, "status 400",
		},
		"a page that forbids the invitation": {
			"Invite", "text/html", "<html>No.", 403, request.DirectoryUnknown, "status 403",
		},
		"a condition that failed, without a body": {
			"Invite", "", "", 412, request.DirectoryUnknown, "status 412",
		},
		"a condition that failed, in Graph's form": {
			"Invite", jsonType, graphError("PreconditionFailed", "No."), 412, request.DirectoryUnknown,
			"PreconditionFailed",
		},
		"a page about a search": {
			"FindUser", "text/html", "<html>No.", 404, request.DirectoryUnknown, "status 404",
		},
		"a page about a membership": {
			"AddMember", "text/html", "<html>No.", 400, request.DirectoryUnknown, "status 400",
		},
		"a page for a membership that is not found": {
			"AddMember", "text/html", "<html>No.", 404, request.DirectoryUnknown, "status 404",
		},
		"no body for a membership that is not found": {
			"AddMember", "", "", 404, request.DirectoryUnknown, "status 404",
		},
		"a page as the words of an invitation's error": {
			"Invite", jsonType, graphError("UnknownError", "<!DOCTYPE html><html><title>404 - This domain is blocked.</title></html>"),
			404, request.DirectoryUnknown, "a page",
		},
		"a page as the words that refuse an invitation": {
			"Invite", jsonType, graphError("UnknownError", "\r\n<html>The address is not valid.</html>"), 400,
			request.DirectoryUnknown, "a page",
		},
		"a page as the words of a membership's error": {
			"AddMember", jsonType, graphError("UnknownError", "<html>No.</html>"), 404,
			request.DirectoryUnknown, "a page",
		},
		"invitations switched off, unauthorized": {
			"Invite", jsonType, graphError("Unauthorized", "Guest invitations not allowed for your company."), 401,
			request.DirectoryInvitationsOff, "your company",
		},
		"a suspicion, unauthorized": {
			"Invite", jsonType, graphError("Unauthorized",
				"Invitations are blocked for this directory due to suspicious activity."), 401,
			request.DirectorySuspicious, "suspicious",
		},
		"unauthorized, in words nobody knows": {
			"Invite", jsonType, graphError("Unauthorized", "No."), 401, request.DirectoryNoToken, "Unauthorized",
		},
		"a token of another tenant": {
			"Invite", jsonType, graphError("InvalidAuthenticationToken",
				"The token's tenant does not allow guest invitations."), 401, request.DirectoryNoToken, "tenant",
		},
		"a guest of another address": {"Invite", jsonType, addressed("bo@contoso.com"), 201,
			request.DirectoryUnavailable, "another guest"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client, log := answering(t, test.status, test.contentType, test.body, "request-id", "the-id")
			failure := wantProblem(t, operations[test.operation](t.Context(), t, client), test.want, log)
			if !strings.Contains(failure.Detail, test.says) || test.status >= 400 &&
				failure.Ref != "the-id" {
				t.Errorf("ref %q, detail %q", failure.Ref, failure.Detail)
			}
		})
	}
}

// addressed returns the answer to an invitation of the address.
func addressed(address string) string {
	return strings.Replace(created, `"`+email+`"`, `"`+address+`"`, 1)
}

func TestAnswerNamesInvitedGuestInAnyCase(t *testing.T) {
	client, _ := answering(t, 201, "application/json", addressed(strings.ToUpper(email)))
	id, err := guestOf(client.Invite(t.Context(), invitation(t)))
	if err != nil || id != guest {
		t.Errorf("%q, %v", id, err)
	}
}

// TestClosedGroups: the words of a group that takes no guests, whatever rights the app has.
func TestClosedGroups(t *testing.T) {
	for _, words := range []string{
		"Members of a group with dynamic membership can't be changed.",
		"Cannot Update a mail-enabled security groups and or distribution list.",
		"Unable to update the specified properties for on-premises mastered Directory Sync objects " +
			"or objects currently undergoing migration.",
		"The group is assignable to roles and can't take members by this permission.",
	} {
		for _, status := range []int{400, 403} {
			client, log := answering(t, status, "application/json", graphError("Request_BadRequest", words))
			err := second(client.AddMember(t.Context(), group, guest))
			failure := wantProblem(t, err, request.DirectoryGroupClosed, log)
			if !strings.Contains(failure.Detail, words[:40]) {
				t.Errorf("the detail leaves out the words: %q", failure.Detail)
			}
		}
	}
}

// TestWordsAboutTenantCostOneCall: another token would not help, and another attempt may do harm.
func TestWordsAboutTenantCostOneCall(t *testing.T) {
	client, log := answering(t, 401, "application/json", graphError("Unauthorized",
		"Invitations are blocked for this directory due to suspicious activity."))
	err := second(client.Invite(t.Context(), invitation(t)))
	wantProblem(t, err, request.DirectorySuspicious, log)
	if n := strings.Count(log.String(), "graph answered"); n != 1 {
		t.Errorf("%d calls", n)
	}
}

func TestMemberAlreadyInOtherWords(t *testing.T) {
	for _, words := range []string{
		"One or more added object references already exist for the following modified properties: 'members'.",
		"The object references already exist.",
		"The user is already a member of the group.",
	} {
		client, _ := answering(t, 400, "application/json", graphError("Request_BadRequest", words))
		added, err := client.AddMember(t.Context(), group, guest)
		if added || err != nil {
			t.Errorf("%q: added %t, %v", words, added, err)
		}
	}
}
