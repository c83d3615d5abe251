package simulation_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/azure/acs"
	"guestlist/handlers/azure/graph"
	"guestlist/handlers/dev/acssim"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/dev/simulation"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

const (
	mailSender = "guests@join.fabrikam.example"
	unrecorded = time.Minute
	settling   = 5 * time.Minute
)

// post plays a script with a mail service, and records its answers.
type post struct {
	request.Mailer
	t          *testing.T
	pass       func(time.Duration)
	suppress   func()
	deliveries func() int
	said       []string
}

func (p *post) send(ordinal int) {
	id := request.NewMailID("x", request.CodeMail, ordinal)
	mail := request.Mail{To: ana(p.t), Subject: "Your code", Text: "Your code is 1234 5678.", HTML: "<p>1234 5678</p>"}
	err := p.SendMail(context.Background(), id, mail)
	p.said = append(p.said, fmt.Sprintf("sent %d: %q, %d deliveries", ordinal, problem.CodeOf(err), p.deliveries()))
}

func (p *post) ask(ordinal int) {
	status, err := p.MailStatus(context.Background(), request.NewMailID("x", request.CodeMail, ordinal))
	p.said = append(p.said, fmt.Sprintf("mail %d is %q %s, ask again: %t, %q",
		ordinal, status.State, status.Code, status.Again > 0, problem.CodeOf(err)))
}

// mailScripts are what services are asked.
var mailScripts = map[string]func(*post){
	"a mail that nobody sent": func(p *post) { p.ask(1) },
	"a mail from its beginning": func(p *post) {
		p.send(1)
		p.ask(1)
		p.pass(unrecorded - time.Second)
		p.ask(1)
		p.pass(2 * time.Second)
		p.ask(1)
		p.pass(settling)
		p.ask(1)
		p.ask(2)
	},
	"the same mail twice": func(p *post) {
		p.send(1)
		p.send(2)
		p.send(1)
		p.pass(time.Hour)
		p.ask(1)
	},
	"an address that is left alone": func(p *post) {
		p.suppress()
		p.send(1)
		p.pass(time.Hour)
		p.ask(1)
	},
}

// TestMailServiceAnswersLikeStandIn holds the simulated mail service to the stand-in for Azure
// Communication Services behind the real client.
func TestMailServiceAnswersLikeStandIn(t *testing.T) {
	for name, play := range mailScripts {
		t.Run(name, func(t *testing.T) {
			simulated := newSimulatedService(t)
			play(simulated)
			standIn := newServiceStandIn(t)
			play(standIn)
			if !slices.Equal(simulated.said, standIn.said) {
				t.Errorf("the simulated service said\n  %s\nthe stand-in\n  %s",
					strings.Join(simulated.said, "\n  "), strings.Join(standIn.said, "\n  "))
			}
		})
	}
}

// TestMailServiceThatCannotBeAskedAnswersLikeStandIn does the same for Microsoft Graph, where no
// address is left alone.
func TestMailServiceThatCannotBeAskedAnswersLikeStandIn(t *testing.T) {
	for name, play := range mailScripts {
		t.Run(name, func(t *testing.T) {
			simulated := newSimulatedService(t)
			simulated.Mailer.(*simulation.MailService).Untold = true
			simulated.suppress = func() {}
			play(simulated)
			standIn := newMailboxStandIn(t)
			play(standIn)
			if !slices.Equal(simulated.said, standIn.said) {
				t.Errorf("the simulated service said\n  %s\nthe stand-in\n  %s",
					strings.Join(simulated.said, "\n  "), strings.Join(standIn.said, "\n  "))
			}
		})
	}
}

func newSimulatedService(t *testing.T) *post {
	now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	service := simulation.NewMailService(func() time.Time { return now })
	service.Unrecorded, service.Settling = unrecorded, settling
	return &post{
		Mailer: service, t: t,
		pass:     func(d time.Duration) { now = now.Add(d) },
		suppress: func() { service.Suppress(ana(t)) },
		deliveries: func() (n int) {
			for ordinal := range 3 {
				n += service.Deliveries(request.NewMailID("x", request.CodeMail, ordinal))
			}
			return n
		},
	}
}

func newServiceStandIn(t *testing.T) *post {
	t.Helper()
	now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	service, err := acssim.New(acssim.Config{
		Now: func() time.Time { return now }, Senders: []string{mailSender}, Unrecorded: unrecorded, Settling: settling,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(service)
	t.Cleanup(server.Close)
	client, err := acs.New(acs.Config{URL: server.URL, Sender: mailSender})
	if err != nil {
		t.Fatal(err)
	}
	return &post{
		Mailer: client, t: t,
		pass:     func(d time.Duration) { now = now.Add(d) },
		suppress: func() { service.Suppress(ana(t).String()) },
		deliveries: func() (n int) {
			for _, m := range service.Mails() {
				n += m.Deliveries
			}
			return n
		},
	}
}

func newMailboxStandIn(t *testing.T) *post {
	t.Helper()
	sim, err := graphsim.New(graphsim.Config{Mailboxes: []string{mailSender}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	client, err := graph.New(graph.Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	mailer, err := graph.NewMailer(client, mailSender)
	if err != nil {
		t.Fatal(err)
	}
	return &post{
		Mailer: mailer, t: t, pass: func(time.Duration) {}, suppress: func() {},
		deliveries: func() int { return len(sim.Mails()) },
	}
}
