package problem

import (
	"maps"
	"slices"
)

// The codes of the directory (Microsoft Graph) that pass by themselves.
const (
	// DirectoryThrottled: too many calls; the error's RetryAfter says how long to wait. Nothing was done.
	DirectoryThrottled Code = "directory-throttled"
	// DirectoryUnavailable: no answer, or an answer that says nothing about the request itself. It may have been done all the same.
	DirectoryUnavailable Code = "directory-unavailable"
	// DirectoryUnknown: an answer whose meaning is not known. It may pass, so it is worth a few attempts and no more; until it is given up
	// it counts as DirectoryUnavailable.
	DirectoryUnknown Code = "directory-unknown"
	// DirectoryNotReplicated: an object that was just created is not visible everywhere yet.
	DirectoryNotReplicated Code = "directory-not-replicated"
)

// The codes of the directory that are about one request: asking again gives the same answer, and other requests are not concerned.
const (
	// DirectoryRefused: the directory said no to this very request, for a reason that has no code of its own.
	DirectoryRefused Code = "directory-refused"
	// DirectoryBadAddress: the directory can't invite an address of this form, or of this kind, such as a group's.
	DirectoryBadAddress Code = "directory-bad-address"
	// DirectoryDomainBlocked: the address's domain is on the tenant's block list, or not on its allow list.
	DirectoryDomainBlocked Code = "directory-domain-blocked"
	// DirectoryCrossTenant: the cross-tenant access settings of our tenant or of the guest's do not let the guest in; which of the two is not said.
	DirectoryCrossTenant Code = "directory-cross-tenant"
	// DirectoryCrossTenantOurs: the inbound cross-tenant access settings of our tenant do not let the guest in.
	DirectoryCrossTenantOurs Code = "directory-cross-tenant-ours"
	// DirectoryCrossTenantTheirs: the outbound cross-tenant access settings of the guest's tenant do not let the guest out.
	DirectoryCrossTenantTheirs Code = "directory-cross-tenant-theirs"
	// DirectoryCrossCloud: the guest's tenant is in another Microsoft cloud, and collaboration between the two is not set up on both sides.
	DirectoryCrossCloud Code = "directory-cross-cloud"
	// DirectoryAddressTaken: another object of the tenant, such as a contact, a group or a user's second address, holds the address.
	DirectoryAddressTaken Code = "directory-address-taken"
	// DirectoryInvitationError: the invitation was made and has the status Error.
	DirectoryInvitationError Code = "directory-invitation-error"
	// DirectoryGuestDisabled: the guest exists, and the account is blocked from signing in. The error's Object is the guest, if the
	// directory named it.
	DirectoryGuestDisabled Code = "directory-guest-disabled"
	// DirectoryInternalUser: the address belongs to somebody who has an account in the tenant and needs no invitation. The error's Object
	// is that account, if the directory named it.
	DirectoryInternalUser Code = "directory-internal-user"
	// DirectoryGroupForbidden: the app may not change the members of this group. Groups differ: the app may own one and not the
	// other, and some take members only by rights that no app should have.
	DirectoryGroupForbidden Code = "directory-group-forbidden"
	// DirectoryReadForbidden: the app may not read users or groups. It may well be able to invite.
	DirectoryReadForbidden Code = "directory-read-forbidden"
)

// The codes of the directory that are about the whole tenant: every other invitation would fail in the same way. See Code.TenantWide.
const (
	// DirectorySuspicious: Microsoft has stopped the tenant's invitations because of suspicious activity. Only Microsoft's support lifts
	// that, and further attempts make it worse.
	DirectorySuspicious Code = "directory-suspicious-activity"
	// DirectoryInvitationsOff: the tenant's settings let nobody invite, or not this app.
	DirectoryInvitationsOff Code = "directory-invitations-off"
	// DirectoryForbidden: the app has no valid token, or lacks the permission to invite.
	DirectoryForbidden Code = "directory-forbidden"
	// DirectoryQuota: the tenant may hold no more objects, or may invite no more guests for now.
	DirectoryQuota Code = "directory-quota-exceeded"
)

// traits are what a code says of other attempts.
type traits uint8

const (
	retry      traits = 1 << iota // the same attempt may succeed later
	tenantWide                    // every other guest's attempt would fail too
	probe                         // one attempt from time to time may find it cured
)

var directoryCodes = map[Code]traits{
	DirectoryThrottled:     retry,
	DirectoryUnavailable:   retry,
	DirectoryUnknown:       retry,
	DirectoryNotReplicated: retry,

	DirectoryRefused:           0,
	DirectoryBadAddress:        0,
	DirectoryDomainBlocked:     0,
	DirectoryCrossTenant:       0,
	DirectoryCrossTenantOurs:   0,
	DirectoryCrossTenantTheirs: 0,
	DirectoryCrossCloud:        0,
	DirectoryAddressTaken:      0,
	DirectoryInvitationError:   0,
	DirectoryGuestDisabled:     0,
	DirectoryInternalUser:      0,

	DirectoryGroupForbidden: 0,
	DirectoryReadForbidden:  0,

	DirectorySuspicious:     tenantWide,
	DirectoryInvitationsOff: tenantWide | probe,
	DirectoryForbidden:      tenantWide | probe,
	DirectoryQuota:          tenantWide | probe,
}

// DirectoryCodes returns every code of the directory, for tests and documentation, in alphabetical
// order.
func DirectoryCodes() []Code { return slices.Sorted(maps.Keys(directoryCodes)) }

// Retryable reports whether the same attempt may succeed later without anybody changing anything.
func (c Code) Retryable() bool {
	t, ofDirectory := directoryCodes[c]
	if ofDirectory {
		return t&retry != 0
	}
	switch c {
	case InvalidInput, MalformedBody, BodyTooLarge, UnsupportedMediaType, MethodNotAllowed, NotFound,
		SenderRefused, FormStale, ChallengeFailed, MalformedMessage:
		return false
	}
	return true
}

// TenantWide reports whether every other guest's invitation would fail in the same way, so that it
// makes no sense, or does harm, to go on inviting until that is cured.
func (c Code) TenantWide() bool { return directoryCodes[c]&tenantWide != 0 }

// Probe reports whether a single attempt from time to time may find a failure that is TenantWide
// cured without an admin saying so. It is false where an attempt does harm.
func (c Code) Probe() bool { return directoryCodes[c]&probe != 0 }
