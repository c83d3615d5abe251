package request

import (
	"maps"
	"slices"

	"guestlist/handlers/problem"
)

// The codes of the directory that pass by themselves.
const (
	// DirectoryThrottled: too many calls; the error's RetryAfter says how long to wait. Nothing was
	// done.
	DirectoryThrottled problem.Code = "directory-throttled"
	// DirectoryUnavailable: no answer, or an answer that says nothing about the request itself.
	// What was asked for may have been done.
	DirectoryUnavailable problem.Code = "directory-unavailable"
	// DirectoryUnknown: an answer whose meaning is not known. It may pass, so it is worth a few
	// attempts. Until it is given up it counts as DirectoryUnavailable.
	DirectoryUnknown problem.Code = "directory-unknown"
	// DirectoryNotReplicated: an object that was just created is not visible everywhere yet.
	DirectoryNotReplicated problem.Code = "directory-not-replicated"
)

// The codes of the directory that are about one request: asking again gives the same answer, and
// other requests are not concerned.
const (
	// DirectoryRefused: the directory refused this request for a reason that has no code of its
	// own.
	DirectoryRefused problem.Code = "directory-refused"
	// DirectoryBadAddress: the directory can't invite an address of this form or kind, such as a
	// group's.
	DirectoryBadAddress problem.Code = "directory-bad-address"
	// DirectoryDomainBlocked: the address's domain is on the tenant's block list, or not on its
	// allow list.
	DirectoryDomainBlocked problem.Code = "directory-domain-blocked"
	// DirectoryCrossTenant: the cross-tenant access settings of our tenant or of the guest's block
	// the guest; the directory does not say which.
	DirectoryCrossTenant problem.Code = "directory-cross-tenant"
	// DirectoryCrossTenantOurs: the inbound cross-tenant access settings of our tenant block the
	// guest.
	DirectoryCrossTenantOurs problem.Code = "directory-cross-tenant-ours"
	// DirectoryCrossTenantTheirs: the outbound cross-tenant access settings of the guest's tenant
	// block the guest.
	DirectoryCrossTenantTheirs problem.Code = "directory-cross-tenant-theirs"
	// DirectoryCrossCloud: the guest's tenant is in another Microsoft cloud, and collaboration
	// between the two is not set up on both sides.
	DirectoryCrossCloud problem.Code = "directory-cross-cloud"
	// DirectoryAddressTaken: another object of the tenant, such as a contact, a group or a user's
	// second address, holds the address.
	DirectoryAddressTaken problem.Code = "directory-address-taken"
	// DirectoryInvitationError: the invitation was made and has the status Error.
	DirectoryInvitationError problem.Code = "directory-invitation-error"
	// DirectoryGuestDisabled: the guest exists, and the account is blocked from signing in.
	DirectoryGuestDisabled problem.Code = "directory-guest-disabled"
	// DirectoryInternalUser: the address belongs to a user who has an account in the tenant and
	// needs no invitation.
	DirectoryInternalUser problem.Code = "directory-internal-user"
	// DirectoryGroupForbidden: the app may not change the members of this group. Groups differ: the
	// app may own one and not the other, and some take members only by rights that no app should
	// have.
	DirectoryGroupForbidden problem.Code = "directory-group-forbidden"
	// DirectoryGroupClosed: the group takes no guests from any app, because of its kind. See
	// [Group.Closed].
	DirectoryGroupClosed problem.Code = "directory-group-closed"
	// DirectoryReadForbidden: the app may not read users or groups. It may still be able to invite.
	DirectoryReadForbidden problem.Code = "directory-read-forbidden"
	// DirectoryMemberForbidden: the app may not invite anybody as a member. The policy row asks for
	// that; guests of other rows are not concerned.
	DirectoryMemberForbidden problem.Code = "directory-member-forbidden"
)

// The codes of the directory that are about the whole tenant. See [TenantWide].
const (
	// DirectorySuspicious: Microsoft has stopped the tenant's invitations because of suspicious
	// activity. Only Microsoft's support lifts that, and further attempts make it worse.
	DirectorySuspicious problem.Code = "directory-suspicious-activity"
	// DirectoryInvitationsOff: the tenant's settings let nobody invite, or not this app.
	DirectoryInvitationsOff problem.Code = "directory-invitations-off"
	// DirectoryForbidden: the app lacks the permission to invite.
	DirectoryForbidden problem.Code = "directory-forbidden"
	// DirectoryNoToken: the app's identity gets no token, or the directory accepts none of them,
	// also not a new one. Nothing was done.
	DirectoryNoToken problem.Code = "directory-no-token"
	// DirectoryRefusesAll: the directory gives the same answer, which nobody understands, to the
	// invitations of several guests in a row. No single answer has this code.
	DirectoryRefusesAll problem.Code = "directory-refuses-all"
	// DirectoryQuota: the tenant may hold no more objects, or may invite no more guests for now.
	DirectoryQuota problem.Code = "directory-quota-exceeded"
	// DirectoryAppQuota: the app has created as many objects as an identity without a role of the
	// directory may. The tenant has room.
	DirectoryAppQuota problem.Code = "directory-app-quota-exceeded"
)

// A meaning is what a code of the directory says of other attempts, and what the partner may read.
// The partner has not proved to own the address, so the text must not tell who has an account here
// or who is blocked.
type meaning struct {
	retry      bool // the same attempt may succeed later
	tenantWide bool // every other guest's attempt would fail too
	probe      bool // one attempt from time to time may find it cured
	public     string
}

const (
	askYourContact = "This address can't be invited. Please ask the person you work with there."
	notNow         = "Invitations can't be sent at the moment."
)

var meanings = map[problem.Code]meaning{
	DirectoryThrottled:     {retry: true},
	DirectoryUnavailable:   {retry: true},
	DirectoryUnknown:       {retry: true},
	DirectoryNotReplicated: {retry: true},

	DirectoryRefused: {public: askYourContact},
	DirectoryBadAddress: {
		public: "This address can't be invited. Please use another one of yours, without characters such as + in it.",
	},
	DirectoryDomainBlocked:     {public: askYourContact},
	DirectoryCrossTenant:       {public: askYourContact},
	DirectoryCrossTenantOurs:   {public: askYourContact},
	DirectoryCrossTenantTheirs: {public: askYourContact},
	DirectoryCrossCloud:        {public: askYourContact},
	DirectoryAddressTaken:      {public: askYourContact},
	DirectoryInvitationError:   {public: askYourContact},
	DirectoryGuestDisabled:     {public: askYourContact},
	DirectoryInternalUser:      {public: askYourContact},
	DirectoryGroupForbidden:    {public: notNow},
	DirectoryGroupClosed:       {public: notNow},
	DirectoryReadForbidden:     {public: notNow},
	DirectoryMemberForbidden:   {public: notNow},

	DirectorySuspicious:     {tenantWide: true, public: notNow},
	DirectoryInvitationsOff: {tenantWide: true, probe: true, public: notNow},
	DirectoryForbidden:      {tenantWide: true, probe: true, public: notNow},
	DirectoryNoToken:        {tenantWide: true, probe: true, public: notNow},
	DirectoryRefusesAll:     {tenantWide: true, probe: true, public: notNow},
	DirectoryQuota:          {tenantWide: true, probe: true, public: notNow},
	DirectoryAppQuota:       {tenantWide: true, probe: true, public: notNow},
}

// NotDone reports whether after a failure of the code nothing was done for certain.
func NotDone(code problem.Code) bool {
	_, ofDirectory := meanings[code]
	return ofDirectory && code != DirectoryUnavailable && code != DirectoryUnknown &&
		code != DirectoryInvitationError
}

// DirectoryCodes returns every code of the directory, for tests and documentation, sorted.
func DirectoryCodes() []problem.Code { return slices.Sorted(maps.Keys(meanings)) }

// DirectoryPublic returns what the partner may read of a failure of the directory; "" where the
// code passes by itself.
func DirectoryPublic(code problem.Code) string { return meanings[code].public }

// Retryable reports whether the same attempt may succeed later without anybody changing anything.
// It knows the codes of the directory, of a mail service and of package problem; any other may
// pass.
func Retryable(code problem.Code) bool {
	m, ofDirectory := meanings[code]
	if ofDirectory {
		return m.retry
	}
	again, ofMail := mailCodes[code]
	if ofMail {
		return again
	}
	switch code {
	case problem.InvalidInput, problem.MalformedBody, problem.BodyMissing, problem.BodyTooLarge, problem.UnsupportedMediaType,
		problem.MethodNotAllowed, problem.NotFound, problem.OriginRefused, problem.FormStale,
		problem.CaptchaFailed, problem.SignInNeeded, problem.SignInRefused, problem.MalformedMessage,
		problem.RecordUnreadable:
		return false
	}
	return true
}

// TenantWide reports whether every other guest's invitation would fail in the same way, so that it
// makes no sense, or does harm, to go on inviting until that is cured.
func TenantWide(code problem.Code) bool { return meanings[code].tenantWide }

// Probe reports whether a single attempt from time to time may find a failure that is [TenantWide]
// cured without an admin saying so. It is false where an attempt does harm.
func Probe(code problem.Code) bool { return meanings[code].probe }

// Group is a group of the directory as far as it matters for guests.
type Group struct {
	ID, DisplayName string
	SecurityEnabled bool
	MailEnabled     bool
	Dynamic         bool // a rule chooses the members
	RoleAssignable  bool // it can hold directory roles
	OnPremises      bool // it is mastered on-premises
	Unified         bool // a Microsoft 365 group
	Restricted      bool // in a restricted management administrative unit
}

// Closed returns why the group takes no guests from any app, and what to do about it; "" if its
// kind allows guests.
func (g Group) Closed() string {
	switch {
	case g.Dynamic:
		return "a rule chooses the group's members: name a group with assigned members in the row, or let the rule include the guests"
	case g.RoleAssignable:
		return "the group can hold directory roles, and this app should not be able to change such a group: name another one in the row"
	case g.OnPremises:
		return "the group is mastered on-premises, so guests can't be added in the cloud: name a group in the row that was created in Entra"
	case g.MailEnabled && !g.Unified:
		return "the group is mail-enabled, so Exchange owns its members: name a security group in the row"
	case g.Restricted:
		return "the group is in a restricted management administrative unit: take it out of there, give the app a role in that unit, or name another group in the row"
	default:
		return ""
	}
}

// Principal is an object that may be a sponsor.
type Principal struct {
	ID, DisplayName string
	Kind            string // "user", "group" or "other"
	Enabled         bool   // of a user: may sign in
	Guest           bool   // of a user: is a guest
}
