// Package teams implements the port for notices by a workflow of Power Automate that posts into a
// channel of Microsoft Teams ("Post to a channel when a webhook request is received").
//
// A notice is a message with one Adaptive Card: a sentence, facts, and a button that opens the
// pages for reviews. The card decides nothing. Its text is English: a channel has readers of all
// languages, and the app knows none of them.
//
// The workflow answers 202 once it has taken the message. Whether the message then appears in the
// channel shows only there. A second message appears a second time.
//
// It must not know when a notice is due. It imports only azure/internal/posting, policy and request
// of this module.
package teams
