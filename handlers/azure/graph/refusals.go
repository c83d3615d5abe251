package graph

import (
	"net/http"
	"slices"
	"strings"
	"unicode"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// A rule recognises one meaning of an answer to an invitation by words that Graph uses for it.
// Graph uses the same status and code for many meanings, and changes the sentences from time to
// time, so a rule names a few words in any order.
//
// The words are in the form of plain. "block*" stands for every word with that beginning.
type rule struct {
	code problem.Code
	// all are lists of words; the message must have one of each list. What it quotes of the
	// invitation does not count, because an outsider chose it.
	all []words
	// none are words that the message must not have, quoted or not.
	none words
}

// words are words or phrases, separated by "|".
type words string

const (
	blocked words = "block*|disable*|deactivated|suspended|locked|not enabled"
	closed  words = "block*|disable*|disallow*|denied|denies|deny|forbid*|prohibit*|restrict*|turned off|switched off|" +
		"not allow*|not permit*|not enabled|not accept*|not be allowed|not currently allowed|no longer allowed"
	lacking words = "insufficient|not|no|missing|lack*|requir*|need*|denied|without|unauthorized"
	invalid words = "invalid|not valid|not a valid|malformed|badly formed|wrongly formed|not well formed|format|not acceptable|not supported|" +
		"unsupported|illegal|incorrect|special character*|plus sign"
	address words = "address|addresses|email|emails|e mail|mail|smtp|emailaddress|inviteduseremailaddress"
	domain  words = "domain|domains"
	company words = "company|companys|companies|organization*|tenant*|directory|directories"
)

// guestRules are the meanings that are about one guest. The first that fits counts.
var guestRules = []rule{
	{code: request.DirectoryGuestDisabled,
		all: []words{blocked, "sign in|signin|signing in|signed in|sign ins|log in|login|logging in|logon",
			"account*|user|invited user*|invitee|guest|object id|exist*"},
		none: "application|service principal|inviter"},
	{code: request.DirectoryGuestDisabled,
		all: []words{"account is|account was|account has been|user account|account of|disabled account|blocked account|account disabled|account blocked",
			blocked},
		none: "application|service principal|inviter|invitation policy|cross tenant|domain|domains"},
	{code: request.DirectoryCrossCloud,
		all: []words{"cross cloud|crosscloud|cloud worker|another cloud|different cloud|other cloud|microsoft cloud settings|national cloud*|across clouds"}},
	{code: request.DirectoryCrossTenant,
		all: []words{"cross tenant|crosstenant*|tenant access setting*|tenant access polic*|xtas"}},
	{code: request.DirectoryInternalUser,
		all: []words{"invitee|invited user*|user", "inviter tenant|inviters tenant|inviting tenant|tenant of the inviter|inviter directory|" +
			"inviters directory|inviter organization|inviters organization|same tenant"}},
	{code: request.DirectoryInternalUser,
		all: []words{"non external|nonexternal|not external|not an external|internal user|internal account|internal member", "exist*|already|belong*|holds|held"}},
	{code: request.DirectoryInternalUser,
		all: []words{"verified domain|verified domains", "user*|invit*|address|email|mail"}},
	{code: request.DirectoryAddressTaken,
		all: []words{"proxy address*|proxyaddress*"}},
	{code: request.DirectoryAddressTaken,
		all: []words{"conflict*|same value|another object|other object|already in use|already used|already taken|duplicate*", address + "|contact"}},
	{code: request.DirectoryAddressTaken,
		all:  []words{"cannot be invited|not be invited|not invitable", "this user|the user|this person|different|another"},
		none: domain},
	{code: request.DirectoryInternalUser,
		all:  []words{"already exist*|exists already|already a member|already in", "user|invitee|person|account", "object id|directory|tenant|organization*"},
		none: "conflict*|another object|property|redirect*"},
	{code: request.DirectoryDomainBlocked,
		all:  []words{domain, closed + "|not on|not in|excluded|not included|blocklist|allowlist|denylist"},
		none: "redirect*"},
	{code: request.DirectoryDomainBlocked,
		all: []words{"invitation policy|invite policy|allow list|allowlist|allowed list|deny list|denylist|block list|blocklist|blocked list|collaboration restrictions"}},
	{code: request.DirectoryBadAddress,
		all:  []words{address, invalid},
		none: "redirect*|url|uri|cc|ccrecipients|sponsor*|invitedusersponsors|messageinfo|invitedusermessageinfo|language"},
}

// tenantRules are the meanings that are about the tenant. A wrong one would stop all invitations,
// so each has words that make it doubtful: those about one guest, one policy row or one call.
var tenantRules = []rule{
	{code: request.DirectoryAppQuota,
		all:  []words{"quota*|limit", "principal|service principal", "exceed*|reached"},
		none: ofOneGuest + "|sponsor*|group|groups|" + domain + "|" + address},
	{code: request.DirectorySuspicious,
		all: []words{"suspicious activit*|suspicious behavio*|unusual activit*|malicious activit*|fraudulent activit*|abusive activit*",
			"invitation|invitations|invite|invites|inviting|" + company},
		none: ofOneGuest + "|sign in|signing in|account|accounts|" + domain + "|" + address},
	{code: request.DirectoryQuota,
		all: []words{"quota*|limit|maximum", "exceed*|reached", "daily|per day|object|objects|invitations|" + company},
		none: ofOneGuest + "|sponsor*|group|groups|length|character*|recipient*|message|property|" + domain +
			"|request limit|requests|too many requests|per second|per minute"},
	{code: request.DirectoryForbidden,
		all:  []words{"privilege*|permission|permissions|consent*|scp|scope|scopes|roles claim|not authorized|unauthorized", lacking},
		none: "invited user*|this user|invitee|sponsor*|usertype|invitedusertype|user type|member|members|group|groups|cross tenant|sign in|" + domain + "|" + address},
	{code: request.DirectoryInvitationsOff,
		all: []words{"invit*|guest|guests|b2b|external collaboration", closed, company},
		none: ofOneGuest + "|sign in|signing in|account|accounts|cloud|member|members|type|group|groups|sponsor*|cross tenant|redirect*|" +
			"user|" + quoted + "|" + domain + "|" + address},
}

const (
	ofOneGuest words = "invited user*|invitee*|this user|the user|this guest|the guest|person|recipient|object id"

	// quoted stands in a text for what it quotes of the invitation. A text that quotes is about the
	// guest.
	quoted = "·"
)

// classifyInvitation returns what an answer to that invitation means, "" where the status says
// it.
//
// A text that may be about the guest and about the tenant is unknown. The text of a refusal to
// invite somebody as a member names neither the type nor the sponsors, so a missing permission is
// the row's fault then.
func classifyInvitation(answer *answerError, asked request.Invitation) problem.Code {
	code := classifyWords(answer, asked)
	denied := answer.status == http.StatusUnauthorized || answer.status == http.StatusForbidden
	unclear := code == request.DirectoryUnknown && answer.code == "Authorization_RequestDenied"
	if asked.UserType == "Member" && denied && (code == request.DirectoryForbidden || unclear) {
		return request.DirectoryMemberForbidden
	}
	return code
}

// classifyWords is classifyInvitation without regard to the type of user.
func classifyWords(answer *answerError, asked request.Invitation) problem.Code {
	switch answer.status {
	case http.StatusUnauthorized:
		return classifyUnauthorized(answer, asked)
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity:
	case http.StatusRequestTimeout, http.StatusLocked, http.StatusTooEarly:
		return ""
	case http.StatusInternalServerError:
		// Graph answers so for some addresses that can't be invited, and for some that it can't
		// look up now.
		if found(plain(answer.message), "target address|find target|unable to find") {
			return request.DirectoryUnknown
		}
		return ""
	default:
		if answer.status > http.StatusInternalServerError && answer.status != http.StatusNotImplemented {
			return ""
		}
		return request.DirectoryUnknown
	}
	// Graph uses only these two for what is about the tenant.
	doubtful := answer.status != http.StatusBadRequest && answer.status != http.StatusForbidden
	whole := plain(answer.message)
	text := withoutQuotes(whole, asked)
	// Two of Graph's codes have one meaning, but for whose quota it is.
	switch {
	case answer.code == "Directory_QuotaExceeded" && !doubtful && found(text, "principal"):
		return request.DirectoryAppQuota
	case answer.code == "Directory_QuotaExceeded" && !doubtful:
		return request.DirectoryQuota
	case answer.code == "Request_MultipleObjectsWithSameKeyValue":
		return request.DirectoryAddressTaken
	}
	var guest, tenant problem.Code
	for _, r := range guestRules {
		if !r.fits(text) {
			continue
		}
		if !found(whole, r.none) {
			guest = r.code
			break
		}
		doubtful = true // it may be about the guest
	}
	i := slices.IndexFunc(tenantRules, func(r rule) bool { return r.fits(text) })
	if i >= 0 {
		tenant = tenantRules[i].code
		doubtful = doubtful || found(whole, tenantRules[i].none) || found(text, tenantRules[i].none)
	}
	switch {
	case guest != "" && tenant != "" && !doubtful:
		return request.DirectoryUnknown
	case guest == request.DirectoryCrossTenant:
		return whoseSettings(text)
	case guest != "":
		return guest
	case tenant != "" && doubtful:
		return request.DirectoryUnknown
	case tenant != "":
		return tenant
	case answer.status == http.StatusConflict:
		// Another client is changing the same object.
		return ""
	case answer.status == http.StatusForbidden && answer.code == "Authorization_RequestDenied" && answer.message == "":
		return request.DirectoryForbidden
	case answer.message == "":
		return request.DirectoryUnknown
	case answer.status == http.StatusBadRequest, answer.status == http.StatusUnprocessableEntity:
		return request.DirectoryRefused
	default:
		return request.DirectoryUnknown
	}
}

// classifyUnauthorized returns what Graph says about the tenant with the status 401, which mostly
// means that it does not accept the token; "" then.
func classifyUnauthorized(answer *answerError, asked request.Invitation) problem.Code {
	if answer.aboutPermission() {
		return request.DirectoryForbidden
	}
	same := *answer
	same.status = http.StatusForbidden
	code := classifyWords(&same, asked)
	if !request.TenantWide(code) || found(plain(answer.message), "token|tokens|signature|audience|issuer|lifetime") {
		return ""
	}
	return code
}

// whoseSettings returns whose cross-tenant access settings block the guest, as far as the text
// says.
func whoseSettings(text string) problem.Code {
	ours := found(text, "your organization*|your tenant*|your company*|your directory*|this organization*|this tenant*|our organization*|inbound|resource tenant")
	theirs := found(text, "invited users|invitees|home tenant*|home organization*|users organization*|users tenant*|guests organization*|"+
		"guests tenant*|their organization*|their tenant*|outbound")
	switch {
	case found(text, "both") || ours == theirs:
		return request.DirectoryCrossTenant
	case ours:
		return request.DirectoryCrossTenantOurs
	default:
		return request.DirectoryCrossTenantTheirs
	}
}

func (r rule) fits(text string) bool {
	return !slices.ContainsFunc(r.all, func(list words) bool { return !found(text, list) })
}

// found reports whether one of the words is in a plain text.
func found(text string, list words) bool {
	for word := range strings.SplitSeq(string(list), "|") {
		stem, isStem := strings.CutSuffix(word, "*")
		if isStem && strings.Contains(text, " "+stem) || !isStem && word != "" && strings.Contains(text, " "+word+" ") {
			return true
		}
	}
	return false
}

// contractions writes contractions out, so that the rules need one form of a negation.
var contractions = strings.NewReplacer("can't", "cannot", "can not", "cannot", "won't", "will not", "n't", " not",
	"organisation", "organization", "authoris", "authoriz")

// plain returns the words of a text in lower case, without punctuation, with one space before,
// between and after them.
func plain(text string) string { return joined(plainWords(text)) }

func plainWords(text string) []string {
	text = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		if r == '’' || r == '‘' {
			return '\''
		}
		return unicode.ToLower(r)
	}, text)
	text = strings.ReplaceAll(contractions.Replace(text), "'", "")
	return strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

func joined(list []string) string { return " " + strings.Join(list, " ") + " " }

// quotable returns what an answer may quote of the invitation: what the partner chose, and what
// admins chose.
func quotable(asked request.Invitation) (chosen, ours []string) {
	chosen = append(asked.Address.Spellings(), asked.DisplayName)
	return chosen, []string{asked.RedirectURL, asked.Message, asked.Cc}
}

// withoutQuotes returns a plain text with a mark in place of each quote of the invitation. Of
// what the partner chose, two words in a row count as a quote: an answer may truncate a name, and
// no name must be able to stop all invitations.
func withoutQuotes(text string, asked request.Invitation) string {
	chosen, ours := quotable(asked)
	rest := strings.Fields(text)
	for _, secret := range ours {
		words := plainWords(secret)
		rest = withoutRuns(rest, words, len(words))
	}
	for _, secret := range chosen {
		rest = withoutRuns(rest, plainWords(secret), 2)
	}
	return joined(rest)
}

// withoutRuns returns the words of text with a mark in place of every run of least or more words
// of the secret. The whole secret always counts.
func withoutRuns(text, secret []string, least int) []string {
	least = min(least, len(secret))
	if least == 0 {
		return text
	}
	var rest []string
	for len(text) > 0 {
		longest := 0
		for i := range secret {
			n := 0
			for n < len(text) && i+n < len(secret) && text[n] == secret[i+n] {
				n++
			}
			longest = max(longest, n)
		}
		if longest >= least {
			rest = append(rest, quoted)
			text = text[longest:]
		} else {
			rest = append(rest, text[0])
			text = text[1:]
		}
	}
	return rest
}

// advice is what a code tells the admin: what happened and what can be done about it.
var advice = map[problem.Code]string{
	request.DirectoryBadAddress:        "the directory does not invite addresses of this form or kind",
	request.DirectoryDomainBlocked:     "the tenant's list of allowed or blocked domains excludes the domain; see the collaboration restrictions in its external collaboration settings",
	request.DirectoryCrossTenant:       "cross-tenant access settings block the guest, ours for inbound or the guest's tenant's for outbound B2B collaboration",
	request.DirectoryCrossTenantOurs:   "our cross-tenant access settings for inbound B2B collaboration block the guest",
	request.DirectoryCrossTenantTheirs: "the cross-tenant access settings of the guest's own tenant for outbound B2B collaboration block the guest; only an admin there can change that",
	request.DirectoryCrossCloud: "the guest's tenant is in another Microsoft cloud; an admin of each side must allow collaboration in the Microsoft cloud settings, and " +
		"theirs must not have disabled the app Microsoft B2B Cross Cloud Worker",
	request.DirectoryAddressTaken:    "another object of the tenant, a user, contact or group, holds the address; look for it in the Microsoft 365 admin center",
	request.DirectoryInvitationError: "the invitation was made and has the status Error; look at the guest in the directory",
	request.DirectoryGuestDisabled:   "the guest exists and the account is disabled; enable it if the guest may come back",
	request.DirectoryInternalUser:    "the address belongs to a user with an account in the tenant, who needs no invitation",
	request.DirectorySuspicious:      "Microsoft has stopped the tenant's invitations because of suspicious activity; only Microsoft's support can lift that, and further attempts make it worse",
	request.DirectoryInvitationsOff:  "the guest invite settings in the tenant's external collaboration settings do not let this app invite",
	request.DirectoryForbidden:       "the app lacks the permission User.Invite.All with an admin's consent",
	request.DirectoryRefusesAll:      "the directory refuses one guest after another in the same words, which are not known",
	request.DirectoryNoToken:         "the directory does not accept the app's token, also not a new one",
	request.DirectoryMemberForbidden: "the row's UserType is Member, and to invite a member the app needs more than User.Invite.All; choose Guest, or grant the app that right",
	request.DirectoryAppQuota: "the app's identity has reached the limit of objects that it may create; give its service principal a role of the directory such as " +
		"Guest Inviter, or delete objects that it created, permanently",
	request.DirectoryQuota:         "the tenant has reached the limit of its objects or of its invitations; delete objects, permanently, or have the limit raised",
	request.DirectoryReadForbidden: "the app lacks a permission to read, User.Read.All for users and GroupMember.Read.All for groups, with an admin's consent",
	request.DirectoryGroupForbidden: "the app may not change the members of this group: it needs GroupMember.ReadWrite.All or must own the group, and a group that can have " +
		"roles takes no members that way",
	request.DirectoryGroupClosed: "guestlist policy lint says what kind of group it is; name another one in the row",
}
