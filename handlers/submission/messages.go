package submission

import "fmt"

// english has a text for each way in which a field can be wrong, by field and rule. The texts speak to the person who
// filled in the form: what to do, never what was typed. Another language is another such map.
var english = map[[2]string]string{
	{"email", "required"}:             "Enter your e-mail address.",
	{"email", "encoding"}:             "The address arrived damaged. Type it again by hand.",
	{"email", "too-long"}:             "The address is too long. An e-mail address has at most 254 characters.",
	{"email", "invisible"}:            "The address has an invisible character in it, which happens when it is copied. Type it by hand.",
	{"email", "space"}:                "Remove the spaces. Enter one address only, like name@company.com.",
	{"email", "quoted"}:               "Addresses with quotation marks can't be invited. Enter the address alone, like name@company.com.",
	{"email", "comment"}:              "Remove the brackets. Enter the address alone, like name@company.com.",
	{"email", "guest-account"}:        "That is the sign-in name of a guest account. Enter your own address, where you receive mail.",
	{"email", "no-at"}:                "Enter a whole e-mail address with an @ sign, like name@company.com.",
	{"email", "two-ats"}:              "Enter one address with a single @ sign, like name@company.com.",
	{"email", "local-missing"}:        "Enter the part before the @ sign too, like name@company.com.",
	{"email", "domain-missing"}:       "Enter the part after the @ sign too, like name@company.com.",
	{"email", "local-ascii"}:          "Before the @ sign, only unaccented letters a to z, digits and . _ - ' can be used. If you have another address, use that one.",
	{"email", "plus"}:                 "Addresses with a + sign can't be invited. Use the plain address, without the + and what follows it.",
	{"email", "forbidden-character"}:  "Before the @ sign, only letters, digits and . _ - ' can be used. Enter the address alone, like name@company.com.",
	{"email", "local-too-long"}:       "The part before the @ sign is too long. It has at most 64 characters.",
	{"email", "local-dots"}:           "Check the dots before the @ sign: not first, not last, and not two together.",
	{"email", "local-hyphens"}:        "Check the hyphens before the @ sign: not first and not last.",
	{"email", "ip-address"}:           "Enter an address with your company's domain name, not with a network address.",
	{"email", "domain-underscore"}:    "A domain name has no underscore. Check the part after the @ sign.",
	{"email", "domain-character"}:     "The part after the @ sign has a character that no domain name has. Check it.",
	{"email", "domain-dots"}:          "Check the dots after the @ sign: not first, not last, and not two together.",
	{"email", "domain-hyphens"}:       "Check the hyphens after the @ sign: no part of a domain name starts or ends with one, or has two of them third and fourth.",
	{"email", "label-too-long"}:       "A part of the domain name is too long: at most 63 characters between two dots.",
	{"email", "domain-too-deep"}:      "The domain name has too many parts: at most 10, with dots between them.",
	{"email", "domain-incomplete"}:    "The domain name is incomplete. Enter it with its ending, like company.com.",
	{"email", "domain-international"}: "The part after the @ sign is no valid international domain name. Check it.",
	{"email", "look-alike"}:           "The domain name has letters that look like others. Type it by hand, with one alphabet. If that is how it is written, ask your contact person to invite you.",
	{"email", "unknown-ending"}:       "The ending of the domain name does not exist. Check the part after the last dot.",
	{"email", "public-suffix"}:        "That is only the ending of a domain name. Enter the whole domain after the @ sign, like company.co.uk.",

	{"givenName", "required"}: "Enter your given name.",
	{"givenName", "intact"}:   "The given name arrived damaged. Type it again by hand.",
	{"givenName", "line"}:     "The given name has an invisible character in it. Type it by hand.",
	{"givenName", "plain"}:    "Leave the characters < and > out of the given name.",
	{"givenName", "letter"}:   "Enter your given name with at least one letter.",
	{"givenName", "max"}:      "Shorten the given name to 64 characters.",

	{"familyName", "required"}: "Enter your family name.",
	{"familyName", "intact"}:   "The family name arrived damaged. Type it again by hand.",
	{"familyName", "line"}:     "The family name has an invisible character in it. Type it by hand.",
	{"familyName", "plain"}:    "Leave the characters < and > out of the family name.",
	{"familyName", "letter"}:   "Enter your family name with at least one letter.",
	{"familyName", "max"}:      "Shorten the family name to 64 characters.",

	{"company", "required"}: "Enter the company or organisation that you work for.",
	{"company", "intact"}:   "The company's name arrived damaged. Type it again by hand.",
	{"company", "line"}:     "The company's name has an invisible character in it. Type it by hand.",
	{"company", "plain"}:    "Leave the characters < and > out of the company's name.",
	{"company", "letter"}:   "Enter the company's name with at least one letter.",
	{"company", "max"}:      "Shorten the company's name to 100 characters.",

	{"country", "iso3166_1_alpha2"}: "Choose a country or region from the list.",

	{"reason", "intact"}: "The reason arrived damaged. Type it again by hand.",
	{"reason", "prose"}:  "The reason has an invisible control character in it. Type it by hand.",
	{"reason", "max"}:    "Shorten the reason to 1000 characters.",

	{"language", "language"}: "Choose a language tag like en or pt-BR, of at most 35 characters.",

	{"inviteCode", "intact"}: "The invite code arrived damaged. Type it again by hand.",
	{"inviteCode", "line"}:   "The invite code has an invisible character in it. Type it by hand.",
	{"inviteCode", "max"}:    "Check the invite code: it has at most 64 characters.",
	{"inviteCode", "hash"}:   "The invite code did not arrive in the form in which this program sends it.",

	{"submittedAt", "required"}: "The time of the submission is missing.",
	{"submittedAt", "range"}:    "The time of the submission is out of range.",
}

// message returns the text for a broken rule. A rule without a text of its own is a fault of ours that the tests look for; the
// partner still gets an answer.
func message(field, rule string) string {
	text, known := english[[2]string{field, rule}]
	if !known {
		return fmt.Sprintf("Check this field (%s).", rule)
	}
	return text
}
