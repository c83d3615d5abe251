package status

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"guestlist/handlers/branding"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/site"
)

//go:embed page
var files embed.FS

const (
	// clockSkew is how far the clock of the instance that issued an id may run ahead of this one.
	clockSkew = 5 * time.Minute
	// firstIssue is a year before any id was issued.
	firstIssue = 2020
)

// Requests tells how far a request is. Progress fails with problem.NotFound if it has no record.
type Requests interface {
	Progress(ctx context.Context, id submission.ID) (request.Progress, error)
}

// Withdrawal is the fragment of the part of the page where a sign-up is withdrawn. Mails link to
// it.
const Withdrawal = "#withdraw"

// Config is what the status page needs. Service and Requests are required.
type Config struct {
	site.Service
	Requests Requests
	// Detailed lets the page tell the outcome. Without it, all finished requests look the same.
	Detailed bool
	// Codes says that the app mails codes that prove a mailbox, so the page has a field for one.
	Codes bool
	// FormLifetime is how long a form may be open before it is sent. The id of a request is as old
	// as its form, so the field for the code stays that much longer than [request.TypingTime].
	FormLifetime time.Duration
	// FormOrigin is the scheme and host of the form, empty where it is the status page's own.
	FormOrigin string
}

type status Config

// New returns the handler of the status page, for a route with the request's id in the path value
// "id". It answers with pages, or with JSON as docs/openapi.yaml describes.
//
// GET and HEAD show the stage, and the outcome if the page is detailed or the partner has
// withdrawn. They show the masked address as long as that tells no outcome. An id that is not
// recorded and may still be on the queue, by its signature and the time in it, is "received"; any
// other is 404, whether malformed, made up or out of date.
//
// Where the app mails codes, every id that is young enough shows a field for one, whether or not a
// code was mailed and whatever was decided.
//
// POST takes an instruction: the action "resend", "withdraw" with confirm "yes", or, where the app
// mails codes, "prove" with the code. The answer does not depend on the request: 303 (form) or 202
// (JSON) if the instruction is on the queue, 404 for an id that was not issued here, 422 for a code
// that is not eight digits. Whether the code is right is told by GET, once the worker has compared
// it. A code stands in no answer, no address and no log line. An id that the keys of the form did
// not sign, because it is older
// than signatures, its key was removed, or the app has no keys, counts if the request is recorded.
//
// An id is 128 random bits, given only to the person who signed up. The page asks for no more. It
// counts in capitals too, and with the marks of a sentence around it. The page shows its reference,
// which opens nothing.
func New(config Config) (http.Handler, error) {
	if config.Requests == nil {
		return nil, errors.New("status: the requests are missing")
	}
	pages, err := site.New(config.Service, site.Config{
		Files: files, Form: config.FormOrigin + site.Root,
	})
	if err != nil {
		return nil, err
	}
	s := status(config)
	return pages.Handler(s.serve, http.MethodGet, http.MethodHead, http.MethodPost), nil
}

func (s status) serve(x *site.Exchange) {
	if x.Request.Method == http.MethodPost {
		s.instruct(x)
		return
	}
	x.Remember()
	s.show(x, http.StatusOK, noticeOf(x.Request, s.Now()))
}

// notice is what the page says beside how far the request is.
type notice struct {
	Resent      int  // minutes until the mail can be asked for again; 0 if it was not asked for
	Withdrawn   bool // a withdrawal was asked for
	Unconfirmed bool // a withdrawal was asked for without the box being ticked
	Typed       bool // a code was typed
	Known       int  // of how many tries the page knew when it was typed
	Checking    bool // it was typed a short while ago
	Misread     bool // what was typed is not a code

	keep url.Values // what must stay in the query while the code is checked
}

// The query parameters after an instruction. They change only what their writer is shown.
const (
	resentQuery    = "resent" // Unix seconds
	withdrawnQuery = "withdrawn"
)

// noticeOf reads what an instruction has left in the query.
func noticeOf(r *http.Request, now time.Time) notice {
	if r.URL.RawQuery == "" {
		return notice{}
	}
	query := r.URL.Query()
	n := notice{Withdrawn: query.Has(withdrawnQuery)}
	n.readTyped(query, now)
	seconds, err := strconv.ParseInt(query.Get(resentQuery), 10, 64)
	if err != nil {
		return n
	}
	left := time.Unix(seconds, 0).Add(request.MailRest).Sub(now)
	if left > 0 && left <= request.MailRest {
		n.Resent = int((left + time.Minute - 1) / time.Minute)
	}
	return n
}

// show answers with how far the request is.
func (s status) show(x *site.Exchange, code int, n notice) {
	if x.Format == site.JSON {
		// A listed site may show how far the sign-ups are that it sent.
		s.Guards.Origins.Share(x.Header(), x.Request)
	}
	id, progress, err := s.progress(x.Request.Context(), x.Request.PathValue("id"))
	switch {
	case problem.CodeOf(err) == problem.NotFound:
		x.Fail(&problem.Error{Code: problem.NotFound}, "unknown")
		return
	case err != nil:
		s.Log.ErrorContext(x.Request.Context(), "the progress of a request can't be read", "request", string(id), site.Logged(err))
		x.Fail(&problem.Error{Code: problem.StorageUnavailable}, "lookup")
		return
	}
	if !s.Detailed && progress.Outcome != request.OutcomeWithdrawn {
		progress.Outcome = request.OutcomeOpen
		if progress.Stage == request.StageFinished {
			progress.Address = "" // it is erased in time, but not while a person is to decide
		}
	}
	if !s.Codes {
		progress.Tries, progress.Proved = 0, false
	}
	if x.Format == site.JSON {
		x.JSON(http.StatusOK, struct {
			Stage   request.Stage   `json:"stage"`
			Outcome request.Outcome `json:"outcome,omitempty"`
			Address string          `json:"address,omitempty"`
			Tries   int             `json:"tries,omitempty"`
			Proved  bool            `json:"proved,omitempty"`
		}{progress.Stage, progress.Outcome, progress.Address, progress.Tries, progress.Proved})
		return
	}
	x.Show(code, "status.html", s.page(id, progress, x.Reader, n))
}

// progress returns the id and how far its request is, or NotFound for an id that was never issued.
func (s status) progress(ctx context.Context, text string) (submission.ID, request.Progress, error) {
	id, err := submission.TypedID(text)
	if err != nil {
		return "", request.Progress{}, err
	}
	progress, err := s.Requests.Progress(ctx, id)
	if problem.CodeOf(err) != problem.NotFound {
		return id, progress, err
	}
	age := s.Now().Sub(id.Issued())
	madeUp := s.Guards.Tokens != nil && id.HasSignature() && !s.Guards.Tokens.Issued(id)
	if madeUp || age > submission.MessageLifetime || age < -clockSkew {
		return id, request.Progress{}, err
	}
	return id, request.Progress{Stage: request.StageReceived}, nil
}

// instruct puts an instruction on the queue.
func (s status) instruct(x *site.Exchange) {
	ctx := x.Request.Context()
	err := s.Guards.Instruction(x.Request)
	if err != nil {
		s.Log.InfoContext(ctx, "a wish was not taken", site.Logged(err))
		x.Fail(err, "held")
		return
	}
	id, err := s.issued(ctx, x.Request.PathValue("id"))
	switch {
	case problem.CodeOf(err) == problem.NotFound:
		x.Fail(&problem.Error{Code: problem.NotFound}, "unknown")
		return
	case err != nil:
		s.unnoted(x, id, err)
		return
	}
	in, err := s.readInstruction(x)
	switch {
	case problem.CodeOf(err) == problem.InvalidInput && x.Format == site.JSON:
		text := x.Say("code.invalid")
		x.Fail(&problem.Error{Code: problem.InvalidInput, Public: text, Fields: []problem.Field{{Name: "code", Rule: "digits", Message: text}}}, "")
		return
	case problem.CodeOf(err) == problem.InvalidInput:
		s.show(x, http.StatusUnprocessableEntity, notice{Misread: true})
		return
	case err != nil:
		x.Refuse(err)
		return
	case in.action == submission.Withdraw && !in.confirmed && x.Format == site.JSON:
		text := x.Say("withdraw.unconfirmed")
		x.Fail(&problem.Error{Code: problem.InvalidInput, Public: text, Fields: []problem.Field{{Name: "confirm", Rule: "required", Message: text}}}, "")
		return
	case in.action == submission.Withdraw && !in.confirmed:
		s.show(x, http.StatusUnprocessableEntity, notice{Unconfirmed: true})
		return
	}
	message, err := submission.Message{ID: id, Kind: in.action, Code: in.code}.Encode()
	if err == nil {
		err = s.Queue.Enqueue(ctx, message)
	}
	if err != nil {
		s.unnoted(x, id, err)
		return
	}
	s.Log.InfoContext(ctx, "wish accepted", "request", string(id), "wish", string(in.action))
	if x.Format == site.JSON {
		x.JSON(http.StatusAccepted, struct {
			ID submission.ID `json:"id"`
		}{id})
		return
	}
	x.Header().Set("Location", site.PathOf(id)+"?"+s.queryAfter(in))
	x.WriteHeader(http.StatusSeeOther)
}

// queryAfter returns the query, and the fragment, of the page after an instruction.
func (s status) queryAfter(in instruction) string {
	switch in.action {
	case submission.Resend:
		return url.Values{resentQuery: {strconv.FormatInt(s.Now().Unix(), 10)}}.Encode()
	case submission.Prove:
		return typedAt(in.known, s.Now()).Encode() + proofFragment
	}
	return url.Values{withdrawnQuery: {"1"}}.Encode()
}

// issued returns the id of the text, or NotFound for one that was not issued here: nothing that a
// stranger makes up may reach the queue. Only an id that the keys did not sign is looked up.
func (s status) issued(ctx context.Context, text string) (submission.ID, error) {
	id, err := submission.TypedID(text)
	switch {
	case err != nil:
		return "", err
	case id.Issued().Year() < firstIssue, id.Issued().Sub(s.Now()) > clockSkew:
		return "", problem.New(problem.NotFound, "an id of another time")
	case s.Guards.Tokens.Issued(id):
		return id, nil
	}
	_, err = s.Requests.Progress(ctx, id)
	return id, err
}

// unnoted answers an instruction that could not be put on the queue.
func (s status) unnoted(x *site.Exchange, id submission.ID, err error) {
	s.Log.ErrorContext(x.Request.Context(), "a wish was not taken", "request", string(id), site.Logged(err))
	x.Fail(&problem.Error{Code: problem.StorageUnavailable}, "unnoted")
}

// instruction is what a partner wants done with a request.
type instruction struct {
	action    submission.Kind
	confirmed bool
	code      string // with Prove, eight digits
	known     int    // with Prove, of how many tries the page knew
}

// readInstruction reads the fields action, confirm and code of a form or a JSON object. A form may
// also have the field tries, and fields of others. The error is InvalidInput for a code that is
// none.
func (s status) readInstruction(x *site.Exchange) (instruction, error) {
	members, err := x.Members()
	if err != nil {
		return instruction{}, err
	}
	fields := map[string]string{}
	for _, m := range members {
		_, twice := fields[m.Name]
		foreign := !s.takes(m.Name, x.Format)
		switch {
		case foreign && x.Format == site.HTML:
			continue // extensions of browsers and gateways put fields into forms
		case !m.IsText:
			return instruction{}, site.Malformed("The properties action, confirm and code must be strings.")
		case twice || foreign:
			return instruction{}, site.Malformed("The fields are action, confirm and, where the app mails codes, code. Send each once.")
		}
		fields[m.Name] = m.Text
	}
	in := instruction{action: submission.Kind(fields["action"]), confirmed: fields["confirm"] == "yes"}
	switch {
	case in.action == submission.Resend, in.action == submission.Withdraw:
		return in, nil
	case in.action != submission.Prove || !s.Codes:
		return instruction{}, site.Malformed(`The action must be "resend", "withdraw" or, where the app mails codes, "prove".`)
	}
	if tries, given := fields["tries"]; given {
		var valid bool
		in.known, valid = parseTries(tries)
		if !valid {
			return instruction{}, site.Malformed("The field tries must be the number that the page has sent.")
		}
	}
	in.code, err = submission.ParseProofCode(fields["code"])
	return in, err
}

// takes reports whether an instruction may have the field.
func (s status) takes(field string, format site.Format) bool {
	switch field {
	case "action", "confirm":
		return true
	case "code":
		return s.Codes
	case "tries":
		return s.Codes && format == site.HTML
	}
	return false
}

// statusContent is what status.html gets.
type statusContent struct {
	notice
	Reference submission.Reference
	State     string // names the texts
	Stages    []stageContent
	Now, Next string
	Again     bool   // whether there is a point in looking again
	Look      string // the address to look again
	CanResend bool
	Codes     bool
	Proof     proofContent
	Over      bool // withdrawn: there is nothing left to withdraw
	ResentFor string
	Contact   branding.Contact
}

// stageContent is one step of the way.
type stageContent struct {
	Name          string
	Past, Current bool
}

func (s status) page(id submission.ID, progress request.Progress, reader site.Reader, n notice) site.Page {
	state := string(progress.Stage)
	if progress.Outcome != request.OutcomeOpen {
		state = string(progress.Outcome)
	}
	proving := progress.Outcome == request.OutcomeProving
	pending := proving || progress.Outcome == request.OutcomeWaiting || progress.Outcome == request.OutcomeInviting
	over := progress.Outcome == request.OutcomeWithdrawn
	proof := s.proofState(id, progress, n)
	checked := proof == proofChecking || proof == proofLate
	content := statusContent{
		notice: n, Reference: id.Reference(), State: state, Next: reader.Say("next." + state), Over: over, Contact: s.Style.Contact,
		Again: progress.Stage != request.StageFinished || pending || checked || n.Withdrawn && !over,
		Look:  site.PathOf(id),
		CanResend: n.Resent == 0 && (state == string(request.StageFinished) || proving || progress.Outcome == request.OutcomeInvited ||
			progress.Outcome == request.OutcomeUnsent),
		Codes: s.Codes, Proof: s.proofContent(proof, progress, reader, n),
	}
	if len(n.keep) > 0 {
		content.Look += "?" + n.keep.Encode()
	}
	names := []string{string(request.StageReceived), string(request.StageInWork), string(request.StageFinished)}
	current := 0
	switch {
	case pending:
		names[1], current = state, 1
	case progress.Stage == request.StageInWork:
		current = 1
	case progress.Stage == request.StageFinished:
		names[2], current = state, 2
	}
	for i, name := range names {
		content.Stages = append(content.Stages, stageContent{Name: reader.Say("status." + name), Past: i < current, Current: i == current})
	}
	content.Now = reader.With("now."+state, "Address", reader.Isolated(progress.Address))
	if progress.Address == "" {
		content.Now = cmp.Or(reader.Find("now."+state+"Erased"), content.Now)
	}
	if proof.hasField() || proof == proofChecking {
		content.Now = cmp.Or(reader.Find("now."+state+"Codes"), content.Now)
		content.Next = cmp.Or(reader.Find("next."+state+"Codes"), content.Next)
	}
	switch {
	case n.Resent == 0:
	case s.Codes:
		content.ResentFor = reader.Count("resend.doneCodes", n.Resent)
	default:
		content.ResentFor = reader.Count("resend.done", n.Resent)
	}
	return site.Page{Title: reader.Say("happened." + state), Path: site.PathOf(id), Keep: n.keep, Content: content}
}
