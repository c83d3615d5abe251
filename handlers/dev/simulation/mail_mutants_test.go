package simulation

import (
	"context"
	"time"

	"guestlist/handlers/mail"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// twiceMailer hands each mail over twice.
type twiceMailer struct{ request.Mailer }

func (m twiceMailer) SendMail(ctx context.Context, id request.MailID, letter request.Mail) error {
	err := m.Mailer.SendMail(ctx, id, letter)
	if err != nil {
		return err
	}
	return m.Mailer.SendMail(ctx, id, letter)
}

// strayLetters writes the codes of everybody to one address.
type strayLetters struct{ workflow.Letters }

func (l strayLetters) Code(to mail.Recipient, code mail.Code) (request.Mail, error) {
	letter, err := l.Letters.Code(to, code)
	if err == nil {
		letter.To, err = submission.ParseAddress("stranger@contoso.com")
	}
	return letter, err
}

// sureMailer knows of a service that can't be asked that it never took the mail.
type sureMailer struct{ request.Mailer }

func (m sureMailer) MailStatus(ctx context.Context, id request.MailID) (request.MailStatus, error) {
	status, err := m.Mailer.MailStatus(ctx, id)
	if status.State == request.MailUntold {
		status.State = request.MailUnheard
	}
	return status, err
}

// forgetfulMailStore counts no mails.
type forgetfulMailStore struct{ request.MailStore }

func (s forgetfulMailStore) SaveMailbox(
	ctx context.Context, address submission.Address, mailbox request.Mailbox,
) (request.Mailbox, error) {
	mailbox.Mailed, mailbox.Codes = request.Mailbox{}.Mailed, request.Mailbox{}.Codes
	return s.MailStore.SaveMailbox(ctx, address, mailbox)
}

// bendMails changes what the worker sends mails with, where it sends any.
func bendMails(change func(*workflow.Mails)) func(*run, *workflow.Config) {
	return func(_ *run, config *workflow.Config) {
		if config.Mails == nil {
			return
		}
		mails := *config.Mails
		change(&mails)
		config.Mails = &mails
	}
}

// bendSaves changes what is saved of requests.
func bendSaves(change func(*request.Request)) func(*run, *workflow.Config) {
	return func(_ *run, config *workflow.Config) {
		config.Store = bentStore{Store: config.Store, save: func(r *request.Request, _ *[]request.Event) { change(r) }}
	}
}

// mailMutants are the mutants about the app's own mails.
func mailMutants() []mutant {
	return []mutant{
		{lawMailOnce, "", "each mail is handed over twice", bendMails(func(m *workflow.Mails) {
			m.Mailer = twiceMailer{m.Mailer}
		})},
		{lawMailOnce, "mails can't be asked about", "a mail is taken for one that was not sent",
			bendMails(func(m *workflow.Mails) { m.Mailer = sureMailer{m.Mailer} })},
		{lawMailTo, "", "codes go to somebody else", bendMails(func(m *workflow.Mails) {
			m.Letters = strayLetters{m.Letters}
		})},
		{lawMailTo, "", "a denial is mailed to whoever signed up", bendSaves(func(r *request.Request) {
			if r.State == request.Denied && !r.Proof.ByCode() && r.Erased.IsZero() && r.Mail(request.DecisionMail).Ordinal == 0 {
				r.Owed = request.Owed{Kind: request.DecisionMail, Since: r.Changed}
			}
		})},
		{lawMailOwed, "", "what is owed is forgotten", bendSaves(func(r *request.Request) { r.Owed = request.Owed{} })},
		{lawMailQuota, "", "there is no quota", bendMails(func(m *workflow.Mails) {
			m.Quota = request.MailQuota{PerMinute: 1000, PerHour: 1000}
		})},
		{lawOwnMails, "", "mails of a mailbox do not count", func(_ *run, config *workflow.Config) {
			config.MailStore = forgetfulMailStore{config.MailStore}
		}},
		{lawProof, "", "no proof is asked for by default", func(_ *run, config *workflow.Config) {
			config.ProofByDefault = false
		}},
		{lawProof, "", "proofs count for ever", func(_ *run, config *workflow.Config) {
			config.ProofLasts = 1000 * time.Hour
		}},
		{lawCodes, "codes guessed", "tries do not count", bendStore(func(_ *run, s *bentStore) {
			s.load = func(r request.Request) request.Request {
				r.Proof.Tries = 0
				return r
			}
		})},
		{lawCodes, "", "any code is right", bendSaves(func(r *request.Request) {
			if r.State == request.Proving && r.Proof.Tries > 0 && !r.Proof.Done() {
				r.Proof.At = r.Changed
			}
		})},
		{lawProved, "", "a proof is forgotten", bendSaves(func(r *request.Request) {
			if r.State == request.Proving {
				r.Proof.At = time.Time{}
			}
		})},
		{lawTries, "", "the first code is counted, and no other", bendSaves(func(r *request.Request) {
			r.Proof.Tries = min(r.Proof.Tries, 1)
		})},
	}
}
