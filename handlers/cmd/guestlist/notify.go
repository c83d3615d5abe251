package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/google/uuid"

	"guestlist/handlers/azure/acs"
	"guestlist/handlers/azure/channels"
	"guestlist/handlers/azure/graph"
	"guestlist/handlers/operate"
	"guestlist/handlers/request"
	"guestlist/handlers/settings"
	"guestlist/handlers/submission"
)

// notifyCommand is guestlist notify.
type notifyCommand struct {
	format

	Test notifyTestCommand `cmd:"" help:"Send a test through each channel that is configured, and say what came of it."`
}

type notifyTestCommand struct {
	Channel  []string `enum:"${channels}" placeholder:"NAME" help:"Only this channel: ${channels}. May be given several times. Default: all that are configured."`
	Mail     string   `placeholder:"ADDRESS" help:"Also send a test mail to this address, by what sends the app's own mails."`
	Settings string   `placeholder:"FILE" help:"Take the settings from a file, in a form that doctor reads. Default: those of the local run that the working directory is in."`
}

func (notifyTestCommand) Help() string {
	return `Variables of the environment with the names of settings go before the file. What az functionapp config appsettings list prints has references to the key vault in place of secrets, so pass these by the environment: read -rs GUESTLIST_TEAMS_URL; export GUESTLIST_TEAMS_URL

Where a channel takes tokens, yours is used, by the sign-in of the Azure CLI. The test then says that the address is right and that you may send; only the app's own log says whether the app may. The tests come from this machine, and not from the app's network.

A test names no request, and says that it is a test.

Exit codes: 0 every channel has taken the test; 1 one has not, or none is configured; 2 the command was not understood; 3 the settings can't be read.`
}

func (c notifyTestCommand) Run(s *session) error {
	getenv, err := c.environment()
	if err != nil {
		return err
	}
	configured := channels.Config{Person: true}
	err = settings.ReadParts(getenv, configured.Read)
	if err != nil {
		return advised{err, "docs/settings.md lists the settings."}
	}
	mail, err := c.mail(getenv)
	if err != nil {
		return err
	}
	names := configured.Configured()
	for _, name := range c.Channel {
		if !slices.Contains(names, name) {
			return usage("the settings have no channel %s", name)
		}
	}
	if len(c.Channel) > 0 {
		names = slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(c.Channel, name) })
	}
	var checks []operate.Check
	if len(names) == 0 && c.Mail == "" {
		checks = append(checks, operate.Warning.Check("channels", "none is configured, so there is nothing to try",
			"docs/deploy.md shows how to set them up."))
	}
	link := strings.TrimSuffix(getenv(settings.ReviewOrigin), "/")
	if len(names) > 0 && link == "" {
		return usage("%s is not set, and notices link to the review pages", settings.ReviewOrigin)
	}
	for _, name := range names {
		checks = append(checks, tryChannel(s, configured, name, link+"/reviews"))
	}
	if c.Mail != "" {
		checks = append(checks, tryMail(s, mail))
	}
	return showChecks(s, checks, slices.ContainsFunc(checks, func(check operate.Check) bool { return check.Health != operate.Fine }))
}

// environment returns the settings: the variables of the environment before those of the file or of
// the local run.
func (c notifyTestCommand) environment() (func(string) string, error) {
	values := map[string]string{}
	switch {
	case c.Settings != "":
		text, err := os.ReadFile(c.Settings)
		if err != nil {
			return nil, err
		}
		var ok bool
		values, ok = readSettings(text)
		if !ok {
			return nil, usage("%s has no settings in a known form; guestlist doctor --help names the forms", c.Settings)
		}
	default:
		local, err := findRun()
		if err != nil {
			return nil, err
		}
		if local != nil {
			values = local.settings
		}
	}
	return func(name string) string { return cmp.Or(os.Getenv(name), values[name]) }, nil
}

// tryChannel sends a test through a channel.
func tryChannel(s *session, configured channels.Config, name, link string) operate.Check {
	var credential azcore.TokenCredential
	if scope := configured.Scopes()[name]; scope != "" {
		var err error
		credential, err = s.signIn(scope)
		if err != nil {
			return operate.Unknown.Check(name, message(err), adviceOf(err))
		}
	}
	channel, err := configured.OpenOne(name, channels.Options{Credential: credential, Now: s.now})
	if err != nil {
		return operate.Broken.Check(name, message(err), "docs/settings.md lists the settings.")
	}
	err = channel.SendNotice(s.ctx, request.Notice{
		ID: request.NoticeID(uuid.NewString()), Kind: request.TestNotice, At: s.now(), Link: link,
	})
	return operate.CheckTestNotice(name, err)
}

// adviceOf returns the advice that goes with an error, "" for none.
func adviceOf(err error) string {
	var with advised
	errors.As(err, &with)
	return with.advice
}

// testMail is a test mail that was asked for.
type testMail struct {
	to       submission.Address
	settings settings.Settings
}

// mail returns the test mail that was asked for, the zero testMail for none.
func (c notifyTestCommand) mail(getenv func(string) string) (testMail, error) {
	if c.Mail == "" {
		return testMail{}, nil
	}
	to, err := submission.ParseAddress(c.Mail)
	if err != nil {
		return testMail{}, usage("--mail: %s", message(err))
	}
	set, err := settings.Read(getenv)
	if err != nil {
		return testMail{}, advised{err, "docs/settings.md lists the settings."}
	}
	return testMail{to, set}, nil
}

// tryMail sends a test mail.
func tryMail(s *session, m testMail) operate.Check {
	const part = "mail"
	mailer, err := s.newMailer(m.settings)
	switch {
	case err != nil:
		return operate.Unknown.Check(part, message(err), adviceOf(err))
	case mailer == nil:
		return operate.Warning.Check(part, "the app sends no mails of its own", "docs/deploy.md shows how to let it.")
	}
	err = mailer.SendMail(s.ctx, request.MailID(uuid.NewString()), request.Mail{
		To: m.to, Subject: "Guestlist: a test", Text: "This is a test of Guestlist's mails. Nothing needs to be done.\n",
	})
	return operate.CheckTestMail(err)
}

// newMailer returns what sends the app's own mails, with the person's sign-in; nil if the app sends
// none.
func (s *session) newMailer(set settings.Settings) (request.Mailer, error) {
	var credential azcore.TokenCredential
	var err error
	switch {
	case set.MailSender == "" || set.Mail == settings.NoMail:
		return nil, nil
	case set.Mail == settings.ACSMail:
		if strings.HasPrefix(set.MailURL, "https:") {
			credential, err = s.signIn(acs.Scope)
		}
		if err != nil {
			return nil, err
		}
		return acs.New(acs.Config{URL: set.MailURL, Sender: set.MailSender, Credential: credential})
	}
	if set.GraphCredential == settings.ManagedIdentity {
		credential, err = s.signIn(graph.Scope(set.GraphURL))
	}
	if err != nil {
		return nil, err
	}
	tenant, err := graph.New(graph.Config{URL: set.GraphURL, Credential: credential})
	if err != nil {
		return nil, fmt.Errorf("connecting to the directory: %w", err)
	}
	return graph.NewMailer(tenant, set.MailSender)
}

// channelNames returns the names of all channels, separated by commas.
func channelNames() string { return strings.Join(channels.Names(), ",") }
