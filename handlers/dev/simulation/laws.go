package simulation

import (
	"fmt"
	"maps"
)

// A Law names something that holds in every schedule.
type Law string

// The laws about requests. Laws returns what each says.
const (
	lawInternal  Law = "internal"
	lawRest      Law = "rest"
	lawAccounted Law = "accounted"
	lawHistory   Law = "history"
	lawDecided   Law = "decided"
	lawEnds      Law = "ends"
	lawErased    Law = "erased"
	lawIdleWish  Law = "idle-wish"
	lawBound     Law = "bound"
	lawCancel    Law = "cancel"
	lawOutage    Law = "outage"
	lawGivenUp   Law = "given-up"
	lawPostponed Law = "postponed"
	lawDelays    Law = "delays"
	lawCopies    Law = "copies"
	lawHeartbeat Law = "heartbeat"
	lawAlone     Law = "alone"
	lawMended    Law = "mended"
	lawUntouched Law = "untouched"
	lawReported  Law = "reported"
)

// The laws about policy rows.
const (
	lawMisspelt   Law = "misspelt-rows"
	lawChecked    Law = "rows-checked"
	lawAskedAgain Law = "asked-again"
	lawWider      Law = "apply-never-wider"
)

// The laws about the app's own mails.
const (
	lawMailOnce  Law = "mail-once"
	lawMailTo    Law = "mail-to"
	lawMailOwed  Law = "mail-owed"
	lawMailQuota Law = "mail-quota"
	lawOwnMails  Law = "own-mails"
	lawProof     Law = "proof"
	lawCodes     Law = "codes"
	lawProved    Law = "proved"
	lawTries     Law = "tries"
)

// The laws about people who vote.
const (
	lawVotes  Law = "votes"
	lawStages Law = "stages"
	lawListed Law = "listed"
)

// The laws about orders of operators.
const (
	lawOperators  Law = "operators"
	lawObeyedOnce Law = "obeyed-once"
	lawIgnored    Law = "orders-ignored"
	lawObeyed     Law = "orders-kept"
)

// The laws about notices to those who decide.
const (
	lawNoticeOnce Law = "notice-once"
	lawNoticeTrue Law = "notice-true"
	lawNoticeTold Law = "notice-told"
)

// The laws about strangers.
const (
	lawVoid Law = "void"
)

// The laws about addresses, guests and groups.
const (
	lawClaim       Law = "claim"
	lawOthersClaim Law = "others-claim"
	lawConfirmed   Law = "confirmed"
	lawHolder      Law = "holder"
	lawGranted     Law = "granted"
	lawApproval    Law = "approval"
	lawShutOut     Law = "shut-out"
	lawOnce        Law = "once"
	lawMails       Law = "mails"
	lawMailbox     Law = "mailbox"
	lawRemains     Law = "remains"
)

// The laws about what all requests share.
const (
	lawTurn    Law = "turn"
	lawBudget  Law = "budget"
	lawShare   Law = "share"
	lawSeats   Law = "seats"
	lawPerDay  Law = "per-day"
	lawWitness Law = "witness"
	lawOrder   Law = "order"
	lawStopped Law = "stopped"
)

var laws = map[Law]string{
	lawInternal: "No call panics or fails with an internal error.",
	lawRest:     "Every schedule comes to rest, with every request ended or with a person.",
	lawAccounted: "At every moment, a submission has ended, or is with a person, or has a due " +
		"entry, or has a message on a queue.",
	lawHistory: "History only grows, and tells every state.",
	lawDecided: "A stored decision never changes, but policy decides anew once the mailbox is proved. " +
		"It is that of a row as it stood at some time since the submission.",
	lawEnds: "A request ends in a state that its row, the people and the faults allow.",
	lawErased: "What is withdrawn is erased. Nothing else is erased before its time. Nothing " +
		"that is erased has personal data.",
	lawIdleWish: "A wish that sends and erases nothing leaves the claim as it was. One that can't " +
		"do anything writes nothing.",
	lawCancel: "A person can cancel every request that waits and for which nothing was sent.",
	lawMisspelt: "Nobody that a row under a misspelt key was likely meant for is invited by a " +
		"decision later than the upkeep that could see the row, or than eleven minutes.",
	lawChecked: "Upkeep that does not say otherwise has checked the rows: every row under a " +
		"misspelt key is listed, and the log has named it.",
	lawAskedAgain: "A parked request goes on only if the rows still invite on its terms when it is " +
		"resumed, and one whose invitation has waited for more than ten minutes likewise. If they deny it ends, and else a person decides. An approval stands, but if " +
		"the rows deny, a person has to approve it once more.",
	lawWider: "During a policy apply, and after one that was interrupted, nobody is invited that " +
		"neither the old rows nor the new ones invite on the same terms. A decision to invite " +
		"is that of the rows at one moment.",
	lawVoid: "A withdrawal that no submission follows, or one that comes while its record can't be " +
		"read, leaves a record without personal data and history, and a due entry, for two weeks at " +
		"most. A wish with an id that the form did not issue, or long ago, leaves nothing.",
	lawBound: "Every effect is tried a bounded number of times, and for a bounded time, until a " +
		"person takes it up again.",
	lawOutage: "No number of failures of storage, the queue or the process ends a sign-up. Only " +
		"after its messages have failed for three days in a row is it with a person.",
	lawGivenUp: "A wish whose message failed too often is stored, is on a queue again, or is kept " +
		"as a dead letter, before that message is deleted.",
	lawPostponed: "A request that upkeep enqueues comes up again within the lease, whether its " +
		"message is sent or not.",
	lawDelays: "What is put back, or made due again, since its message failed too often waits " +
		"longer each time: a minute at first, an hour and a fifth at most.",
	lawCopies: "A request has at most 40 messages that ask to advance it at a time, and a vote as " +
		"many, or three for each instance.",
	lawHeartbeat: "A line of upkeep says only what was done: what is due was listed and enqueued " +
		"and parked requests were looked for, the sweep has not failed, the messages were counted.",
	lawAlone: "A request, claim, gate or seat that can't be read lets only those requests wait that " +
		"need it. All others end.",
	lawMended: "A request that waits for what can't be read goes on within an hour once it can be.",
	lawUntouched: "What can't be read is left as it is. Only a partner's wish is noted in a request, or " +
		"its personal data removed; then the guest that its claim names is noted, too.",
	lawReported: "The log says with every message that its request can't be read. Each round of the " +
		"sweep lists the requests that can't be read and have not finished, and erases the others " +
		"in time.",
	lawClaim: "An invitation needs a stored decision or approval, and a claim of the request's " +
		"own whose intent is stored.",
	lawOthersClaim: "What one request does changes nothing on the claim of another, unended one but " +
		"the count of mails.",
	lawConfirmed: "A guest's id is only written by a call to which the directory has said that this " +
		"guest holds the address.",
	lawHolder: "Only the account that holds the address is added to groups. A request that is " +
		"done names an account that has held the address since the request or its " +
		"approval.",
	lawGranted: "Done means that every group of the terms, and no other, was granted to the " +
		"account of the request while it held the address. A grant stored as added was " +
		"added by that request.",
	lawApproval: "The groups of a request that was approved are those of the approval, else those " +
		"of the decision, wherever it invites or grants. An approval by votes has the groups that each " +
		"of those who voted was shown.",
	lawShutOut: "An account that was removed or disabled gets no invitation, mail or group " +
		"without an approval given after that.",
	lawOnce: "No two invitations of an address are on their way at once.",
	lawMails: "A guest gets one mail, apart from those that somebody asked for. A second one is " +
		"possible only if the first one's receipt was not stored and the directory did " +
		"not show the guest.",
	lawMailbox: "An address gets at most four mails in 24 hours and five in a week, by whichever " +
		"requests and whatever goes wrong. A person's approval, retry or wish for the mail lets " +
		"one more go out each.",
	lawRemains: "The alert `withdrawn guest remains` names only guests that we brought in.",
	lawTurn: "Every invitation passes the gate: past an open breaker only as the probe that is " +
		"due, never sooner than the spacing or the directory's Retry-After allows.",
	lawBudget: "A day has no more invitations than the budget, counted as they are sent, and " +
		"days only go forward. A turn is given back once, and only if nothing was sent for " +
		"certain, or if the directory showed no guest when asked after an invitation without " +
		"an answer.",
	lawShare: "No domain gets more than its share of the daily budget. Guests that a person " +
		"approved, and mails that a person asked for, do not count.",
	lawSeats: "A row brings in no more guests than it has seats. A request that ends without a " +
		"guest holds none.",
	lawPerDay: "A row brings in no more guests on a day than it allows, counted on the day of " +
		"the invitation.",
	lawWitness: "Requests for two addresses with the same answer, and none accepted in between, " +
		"open the breaker, with one alert; one alone does not, unless Microsoft suspects an abuse. " +
		"A success or a person closes it.",
	lawOrder: "Of two parked requests the older goes first, give or take minutes.",
	lawMailOnce: "A mail of the app's own is handed over under a stored intent, and never again once " +
		"the service has taken it. Where the service can't be asked it is handed over once for each intent.",
	lawMailTo: "A code goes only to a request that waits for it, a mail about a denial only to a mailbox that " +
		"the request has proved, and a redeem URL only to the guest. Nothing is mailed for an erased request.",
	lawMailOwed: "Trouble with mails loses none: a mail that is owed goes out within three hours once all works, " +
		"unless it is refused, the guest needs it no more, or a week is over.",
	lawMailQuota: "The mail service never gets more mails in a minute or in an hour than the quota.",
	lawOwnMails: "An address gets at most five mails of the app's own in 24 hours, at most four of them with a " +
		"code, and the codes with growing distances, whoever asks. A person's wish lets one more go out each.",
	lawProof: "Nobody is invited, and no person is asked, without the proof that the deciding row or the app's " +
		"default asks for: by a code, or by an earlier request for the address. Where there can be no proof a " +
		"person may decide without one.",
	lawCodes: "Only a code that was sent for the request since the proof was asked for is accepted. At most five " +
		"codes are compared.",
	lawProved: "A right code that is typed in time, with tries left, proves the mailbox in the end, unless its " +
		"record can't be read.",
	lawTries: "A code that is typed counts whatever the state of the request, and the count never goes back " +
		"unless a person takes the request up again.",
	lawVotes: "A vote counts only if somebody cast it who decides at that stage at the moment when it is " +
		"applied, once for each person. One that can't be applied yet is applied in the end.",
	lawStages: "Nobody is invited by votes without the yes of as many different people as there are stages. A " +
		"no is final, and nothing expires before its time.",
	lawOperators: "An order has an effect only if somebody gave it who is an operator at the moment when it is carried " +
		"out, and only while the directory says so.",
	lawObeyedOnce: "An order has one effect at most, on what its author saw, and of two about the same only one has. It " +
		"ends no person's stop, and closes no breaker for a cause for which an attempt does harm.",
	lawIgnored: "An order that does not count changes nothing of its request but the history, by twenty events at most, " +
		"and what every save puts right of the notices and the index.",
	lawObeyed:     "An order of an operator that fits what it is about is carried out in the end, or kept as a dead letter.",
	lawListed:     "Every request that waits for a person is in the index of what waits, as it is recorded.",
	lawNoticeOnce: "Nobody is told twice of one notice: no person by two mails, and no channel that would not recognize it.",
	lawNoticeTrue: "A notice says what is so, or was two minutes before, and goes to people who decide about that.",
	lawNoticeTold: "What a request gives occasion for is in the outbox when the request is stored, and leaves it " +
		"once all who decide and every channel were told, unless it holds no more, an answer was lost, or three days are over.",
	lawStopped: "While an admin's stop stands, no invitation gets a turn, and none is sent or mailed for " +
		"longer than one that had its turn can take. Only a person ends the stop.",
}

// Laws returns what each law says, by its name.
func Laws() map[Law]string { return maps.Clone(laws) }

// breach records that a law is broken. Only the first breach of each counts.
func (r *run) breach(law Law, format string, args ...any) {
	if _, known := r.breaches[law]; known {
		return
	}
	if r.breaches == nil {
		r.breaches = map[Law]string{}
	}
	r.breaches[law] = fmt.Sprintf(format, args...)
	counts := r.law == law || r.law == ""
	if !counts || r.broken != "" {
		return
	}
	r.broken = string(law) + ": " + r.breaches[law]
	r.happened("BREACH: %s", r.broken)
}
