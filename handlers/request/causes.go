package request

import "guestlist/handlers/problem"

// Cause explains a failure of the whole tenant to an admin, in whole sentences.
type Cause struct{ Means, Cure string }

// causes has an entry for each code that is [TenantWide].
var causes = map[problem.Code]Cause{
	DirectorySuspicious: {
		"Microsoft has stopped all invitations of the tenant because of suspicious activity.",
		"Only Microsoft's support can lift that: open a support request, with the reference if there is one. Until then " +
			"send no invitations in other ways either: further attempts make it worse. " +
			"Once support has lifted it: guestlist breaker close.",
	},
	DirectoryInvitationsOff: {
		"The guest invite settings of the tenant do not allow this app to invite.",
		"In the Entra admin center, External Identities, External collaboration settings, choose guest invite settings " +
			"that allow apps with the permission to invite: any but the most restrictive. " +
			"The next probe finds the change; guestlist breaker close does not wait for it.",
	},
	DirectoryForbidden: {
		"The app lacks the permission User.Invite.All with an admin's consent.",
		"Grant the managed identity the application permission; guestlist doctor lists those that are missing. A new " +
			"permission can take a day to have an effect, since tokens of managed identities are cached that long; " +
			"the next probe after that finds it.",
	},
	DirectoryNoToken: {
		"The app's managed identity gets no token for Microsoft Graph, or Graph accepts none of its tokens, also not a new one.",
		"Check that the managed identity is assigned to the function app, that AZURE_CLIENT_ID names it, and that its " +
			"enterprise application is enabled for sign-in and not blocked by Conditional Access for workload identities. " +
			"Nothing is sent meanwhile; the next probe finds the change.",
	},
	DirectoryRefusesAll: {
		"The directory gives the same answer, which this version of guestlist does not know, to one guest after another.",
		"The lines \"the directory did not take the invitation\" and \"the directory did not say who holds the address\" " +
			"in the log of the app show the answer. Something between " +
			"the app and Microsoft Graph may give it, such as a proxy, or a policy of the tenant that is new. " +
			"A probe finds the change; guestlist breaker close does not wait for it.",
	},
	DirectoryQuota: {
		"The tenant has reached its limit of objects, or of guests that it may invite for now.",
		"Delete objects that are not needed permanently, also from the recycle bin, or raise the limit: by a verified " +
			"domain, or by Microsoft's support. The next probe finds the change; guestlist breaker close does not wait for it.",
	},
	DirectoryAppQuota: {
		"The app's identity has created as many objects as an identity without a role of the directory may. The tenant has room.",
		"Give the service principal of the app a role of the directory, for example Guest Inviter, or permanently delete " +
			"objects that it created. The next probe finds the change; guestlist breaker close does not wait for it.",
	},
}

// stopped explains a breaker that a person has opened.
var stopped = Cause{
	"An admin has stopped all invitations. No probe is sent either.",
	"guestlist breaker show says who did it and why. Once that is settled: guestlist breaker close. " +
		"End requests that must not go on before: guestlist request cancel.",
}

// CauseOf returns the explanation of a breaker's cause, also for an unknown code.
func CauseOf(code problem.Code) Cause {
	if code == StoppedByAdmin {
		return stopped
	}
	cause, known := causes[code]
	if !known {
		return Cause{
			"This version of guestlist does not know the cause.",
			"Look for the line \"breaker opened\" in the log of the app; use the guestlist of the app's version.",
		}
	}
	return cause
}
