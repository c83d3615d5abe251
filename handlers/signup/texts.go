package signup

// texts is every word of the pages but the rules of the fields, which package submission words. Another language is another value.
// Where a text has %s, the organisation's name goes there.
type texts struct {
	Lang string // of the texts themselves, for <html lang>

	FormTitle, FormLead                     string
	StepsTitle                              string
	Steps                                   []string
	FormLegend, Optional, Send, NoCountry   string
	ErrorPrefix, ErrorTitle, ErrorIntro     string
	NotTakenTitle, NotTaken                 string
	Fields                                  map[string]fieldTexts
	StatusTitle                             string
	StageNames                              map[string]string
	Received, InWork, Finished, FinishedFor string
	Reload, LookAgain, KeepLink, Same       string
	Reference, ReferenceHint                string
	BackToForm                              string
	UnknownTitle, Unknown                   string
	BusyTitle, Busy, StatusBusy             string
	MethodTitle, Method                     string
	TooLargeTitle, TooLarge                 string
	MediaTitle, Media                       string
	UnreadableTitle                         string
	BrokenTitle, Broken                     string
}

type fieldTexts struct{ Label, Hint string }

var english = texts{
	Lang: "en",

	FormTitle:  "Guest access to %s",
	FormLead:   "Sign up here if you work with %s and need access as a guest.",
	StepsTitle: "What happens next",
	Steps: []string{
		"You send this form. It takes about a minute.",
		"Your sign-up is checked. Most are settled at once; some are looked at by a person.",
		"If access is possible, an invitation comes to your e-mail address. You accept it with the account you already have.",
	},
	FormLegend: "Your details",
	Optional:   "(optional)",
	Send:       "Send sign-up",
	NoCountry:  "Choose…",

	ErrorPrefix:   "Error: ",
	ErrorTitle:    "Please check your entries",
	ErrorIntro:    "Nothing has been sent yet.",
	NotTakenTitle: "Your sign-up could not be taken",
	NotTaken:      "Nothing has been sent. Your entries are still below: please try again in a minute.",

	Fields: map[string]fieldTexts{
		"givenName":  {Label: "Given name"},
		"familyName": {Label: "Family name"},
		"email":      {Label: "Work e-mail address", Hint: "The invitation goes to this address. Use the one that your company gave you."},
		"company":    {Label: "Company or organisation"},
		"country":    {Label: "Country or region"},
		"reason":     {Label: "Why do you need access?", Hint: "For example the project and your contact person. At most 1000 characters, and no passwords."},
		"inviteCode": {Label: "Invite code", Hint: "Only if you were given one."},
	},

	StatusTitle: "Your sign-up",
	StageNames:  map[string]string{"received": "Received", "in-work": "Being checked", "finished": "Finished"},
	Received:    "Your sign-up has arrived at %s and will be checked in a moment.",
	InWork:      "Your sign-up is being checked.",
	Finished:    "Your sign-up has been dealt with. If access is possible, an invitation comes to the address that you gave. Where a person decides, that can take a few days.",
	FinishedFor: "Your sign-up has been dealt with. If access is possible, an invitation comes to %s by e-mail. Where a person decides, that can take a few days.",
	Reload:      "You can look again in a minute, or close this page: nothing is lost.",
	LookAgain:   "Look again",
	KeepLink:    "To look again later, keep the address of this page.",
	Same:        "To protect everybody's privacy, this page looks the same whatever was decided. If no mail arrives, look in your junk folder, then ask your contact person.",

	Reference:     "Reference",
	ReferenceHint: "Name it if you ask about your sign-up.",
	BackToForm:    "Go to the sign-up form",

	UnknownTitle:    "No sign-up found",
	Unknown:         "There is no sign-up at this address. Check that the link is complete, or sign up again.",
	BusyTitle:       "The service is busy",
	Busy:            "Your sign-up could not be taken just now, and nothing was sent. Please try again in a minute.",
	StatusBusy:      "The state of your sign-up can't be looked up just now. Your sign-up is safe; reload this page in a minute.",
	MethodTitle:     "That can't be done here",
	Method:          "This address can't be used in that way. Open it in a browser.",
	TooLargeTitle:   "That was too much text",
	TooLarge:        "The form has more text than can be taken. Go back in your browser, shorten it, and send it again.",
	MediaTitle:      "The form can't be read",
	Media:           "Send application/x-www-form-urlencoded or application/json, in UTF-8.",
	UnreadableTitle: "The form can't be read",
	BrokenTitle:     "Something went wrong on our side",
	Broken:          "The page could not be shown. Please try again in a minute.",
}
