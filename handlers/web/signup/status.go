package signup

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"guestlist/handlers/branding"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/guard"
)

const (
	// messageLifetime is how long a storage queue keeps a message: seven days, the default that the Functions host leaves as it is. An id
	// that is younger and unknown may still be on the queue.
	messageLifetime = 7 * 24 * time.Hour
	// clockSkew is how far the clock of the instance that issued an id may run ahead of this one.
	clockSkew = 5 * time.Minute
	// firstIssue is before any id was issued.
	firstIssue = 2020
	// mailRest is how long the page does not offer to send the mail again once it was asked to. The worker keeps to as much whoever asks.
	mailRest = time.Hour
)

// Requests tells how far a request is. It fails with problem.NotFound where nothing is recorded.
type Requests interface {
	Progress(ctx context.Context, id submission.ID) (request.Progress, error)
}

// StatusConfig is what the status page needs. All fields but Detailed are required.
type StatusConfig struct {
	Requests Requests
	Queue    Queue
	Now      func() time.Time
	Log      *slog.Logger
	Style    branding.Style
	Guards   *guard.Guards
	// Detailed lets the page tell the outcome of a request. Without it, all requests that are over look the same.
	Detailed bool
	// FormOrigin is the scheme and host of the form, empty where it stands at the status page's own.
	FormOrigin string
}

type status struct {
	StatusConfig
	site *site
}

// NewStatus returns the handler of the status page, for a route that puts the request's id into the path value "id". It answers GET and
// HEAD, with JSON ({"stage", "outcome", "address"}) to clients that prefer it:
//
//   - 200 with the stage and the masked address, and with the outcome if the page is to be detailed, or the partner has withdrawn. An id that
//     nothing is recorded of yet, but that may still be on the queue by the time in it, counts as received;
//   - 404 for any other id, the same whether it is malformed, unknown or out of date;
//   - 503 if the store did not answer.
//
// POST takes a wish, as a form or as JSON: the action "resend", or "withdraw" with confirm "yes". It looks nothing up, so it
// answers the same whether there is such a request or not:
//
//   - 303 (form) to the page, or 202 (JSON): the worker will see to it;
//   - 404 for an id that can't be one of ours;
//   - 422 for a withdrawal that was not confirmed; 400, 413, 415 for a body that the page never sends;
//   - 403 for a wish from another site; 429 for a client that sends too much;
//   - 503: the queue did not take it.
//
// An id is 128 random bits that only the person who signed up has been given; the page asks for nothing more.
func NewStatus(config StatusConfig) (http.Handler, error) {
	switch {
	case config.Requests == nil:
		return nil, errors.New("signup: the requests are missing")
	case config.Queue == nil:
		return nil, errors.New("signup: the queue is missing")
	case config.Now == nil:
		return nil, errors.New("signup: the clock is missing")
	case config.Guards == nil:
		return nil, errors.New("signup: the guards are missing")
	}
	site, err := newSite(config.Style, config.Log, "status.js", nil)
	if err != nil {
		return nil, err
	}
	site.form = config.FormOrigin + Path
	s := &status{config, site}
	return site.guarded(s.serve, http.MethodGet, http.MethodHead, http.MethodPost), nil
}

func (s *status) serve(w http.ResponseWriter, r *http.Request) {
	page := s.site.readerOf(r)
	if r.Method == http.MethodPost {
		s.wish(w, r, page)
		return
	}
	remember(w, r, page)
	s.look(w, r, page, http.StatusOK, noted(r, s.Now()))
}

// notice is what the page says beside how far the request is.
type notice struct {
	Resent      int  // minutes until the mail can be asked for again; 0 if it was not asked for
	Withdrawn   bool // a withdrawal was asked for
	Unconfirmed bool // a withdrawal was asked for without the box being ticked
}

// The query parameters of the page that a wish leads to. What they say is shown to whoever wrote them, and changes nothing.
const (
	resentQuery    = "resent" // Unix seconds
	withdrawnQuery = "withdrawn"
)

// noted reads what a wish has left in the query.
func noted(r *http.Request, now time.Time) notice {
	if r.URL.RawQuery == "" {
		return notice{}
	}
	query := r.URL.Query()
	n := notice{Withdrawn: query.Has(withdrawnQuery)}
	seconds, err := strconv.ParseInt(query.Get(resentQuery), 10, 64)
	if err != nil {
		return n
	}
	left := time.Unix(seconds, 0).Add(mailRest).Sub(now)
	if left > 0 && left <= mailRest {
		n.Resent = int((left + time.Minute - 1) / time.Minute)
	}
	return n
}

// look answers with how far the request is.
func (s *status) look(w http.ResponseWriter, r *http.Request, page reader, code int, n notice) {
	ctx := r.Context()
	asJSON := prefersJSON(r)
	if asJSON {
		// A listed site may show how far the sign-ups are that it sent.
		s.Guards.Share(w.Header(), r)
	}
	id, progress, err := s.progress(ctx, r.PathValue("id"))
	switch {
	case problem.CodeOf(err) == problem.NotFound:
		s.site.fail(w, r, asJSON, page, &problem.Error{Code: problem.NotFound}, "unknown")
		return
	case err != nil:
		s.Log.ErrorContext(ctx, "the progress of a request can't be read", "request", string(id), logged(err))
		s.site.fail(w, r, asJSON, page, &problem.Error{Code: problem.StorageUnavailable}, "lookup")
		return
	}
	if !s.Detailed && progress.Outcome != request.OutcomeWithdrawn {
		progress.Outcome = request.OutcomeOpen
	}
	if asJSON {
		s.site.answer(ctx, w, http.StatusOK, "application/json", struct {
			Stage   request.Stage   `json:"stage"`
			Outcome request.Outcome `json:"outcome,omitempty"`
			Address string          `json:"address,omitempty"`
		}{progress.Stage, progress.Outcome, progress.Address})
		return
	}
	s.site.show(ctx, w, code, "status.html", s.page(id, progress, page, n))
}

// progress returns how far the request is whose id a client sent. It returns NotFound for an id that can't be one of ours.
func (s *status) progress(ctx context.Context, text string) (submission.ID, request.Progress, error) {
	id, err := submission.ParseID(text)
	if err != nil {
		return "", request.Progress{}, err
	}
	progress, err := s.Requests.Progress(ctx, id)
	if problem.CodeOf(err) != problem.NotFound {
		return id, progress, err
	}
	age := s.Now().Sub(id.Issued())
	if age > messageLifetime || age < -clockSkew {
		return id, request.Progress{}, err
	}
	return id, request.Progress{Stage: request.StageReceived}, nil
}

// wish puts what the partner wants on the queue.
func (s *status) wish(w http.ResponseWriter, r *http.Request, page reader) {
	ctx := r.Context()
	kind, err := kindOf(r.Header.Get("Content-Type"))
	if err != nil {
		s.site.fail(w, r, prefersJSON(r), page, problem.From(err), "media")
		return
	}
	asJSON := kind == jsonKind
	err = s.Guards.Instruction(r)
	if err != nil {
		s.Log.InfoContext(ctx, "a wish was not taken", logged(err))
		s.site.fail(w, r, asJSON, page, problem.From(err), "held")
		return
	}
	id, err := submission.ParseID(r.PathValue("id"))
	if err != nil || id.Issued().Year() < firstIssue || id.Issued().Sub(s.Now()) > clockSkew {
		s.site.fail(w, r, asJSON, page, &problem.Error{Code: problem.NotFound}, "unknown")
		return
	}
	wanted, err := readWish(w, r, kind)
	if err != nil {
		s.site.refuse(w, r, kind, page, err)
		return
	}
	if wanted.action == submission.Withdraw && !wanted.confirmed {
		if asJSON {
			s.site.fail(w, r, true, page, &problem.Error{Code: problem.InvalidInput, Public: page.Say("withdraw.unconfirmed"), Fields: []problem.Field{
				{Name: "confirm", Rule: "required", Message: page.Say("withdraw.unconfirmed")},
			}}, "")
			return
		}
		s.look(w, r, page, http.StatusUnprocessableEntity, notice{Unconfirmed: true})
		return
	}
	message, err := submission.Message{ID: id, Kind: wanted.action}.Encode()
	if err == nil {
		err = s.Queue.Enqueue(ctx, message)
	}
	if err != nil {
		s.Log.ErrorContext(ctx, "a wish was not taken", "request", string(id), logged(err))
		s.site.fail(w, r, asJSON, page, &problem.Error{Code: problem.StorageUnavailable}, "unnoted")
		return
	}
	s.Log.InfoContext(ctx, "wish accepted", "request", string(id), "wish", string(wanted.action))
	if asJSON {
		s.site.answer(ctx, w, http.StatusAccepted, "application/json", struct {
			ID submission.ID `json:"id"`
		}{id})
		return
	}
	query := url.Values{}
	if wanted.action == submission.Resend {
		query.Set(resentQuery, strconv.FormatInt(s.Now().Unix(), 10))
	} else {
		query.Set(withdrawnQuery, "1")
	}
	w.Header().Set("Location", Path+"/"+string(id)+"?"+query.Encode())
	w.WriteHeader(http.StatusSeeOther)
}

// wanted is a wish as it was sent.
type wanted struct {
	action    submission.Kind
	confirmed bool
}

// readWish reads the fields action and confirm of a form or a JSON object.
func readWish(w http.ResponseWriter, r *http.Request, kind kind) (wanted, error) {
	body, err := readBody(w, r)
	if err != nil {
		return wanted{}, err
	}
	fields := map[string]string{}
	add := func(name, text string) error {
		_, twice := fields[name]
		if twice || name != "action" && name != "confirm" {
			return malformed("The fields are action and confirm. Send each once.")
		}
		fields[name] = text
		return nil
	}
	if kind == jsonKind {
		properties, err := readObject(body)
		if err != nil {
			return wanted{}, err
		}
		for _, p := range properties {
			if !p.isString {
				return wanted{}, malformed("The properties action and confirm must be strings.")
			}
			err = add(p.name, p.text)
			if err != nil {
				return wanted{}, err
			}
		}
	} else {
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return wanted{}, malformed("The form is not encoded as application/x-www-form-urlencoded.")
		}
		for name, texts := range values {
			for _, text := range texts {
				err = add(name, text)
				if err != nil {
					return wanted{}, err
				}
			}
		}
	}
	wish := wanted{action: submission.Kind(fields["action"]), confirmed: fields["confirm"] == "yes"}
	if wish.action != submission.Resend && wish.action != submission.Withdraw {
		return wanted{}, malformed(`The action must be "resend" or "withdraw".`)
	}
	return wish, nil
}

// statusContent is what status.html gets.
type statusContent struct {
	notice
	ID        submission.ID
	State     string // names the texts
	Stages    []stageContent
	Now, Next string
	Again     bool // whether there is a point in looking again
	CanResend bool
	Over      bool // withdrawn: there is nothing left to withdraw
	ResentFor string
	Contact   branding.Contact
}

// stageContent is one step of the way.
type stageContent struct {
	Name          string
	Past, Current bool
}

func (s *status) page(id submission.ID, progress request.Progress, reader reader, n notice) page {
	state := string(progress.Stage)
	if progress.Outcome != request.OutcomeOpen {
		state = string(progress.Outcome)
	}
	pending := progress.Outcome == request.OutcomeWaiting || progress.Outcome == request.OutcomeInviting
	over := progress.Outcome == request.OutcomeWithdrawn
	content := statusContent{
		notice: n, ID: id, State: state, Next: reader.Say("next." + state), Over: over, Contact: s.Style.Contact,
		Again:     progress.Stage != request.StageFinished || pending || n.Withdrawn && !over,
		CanResend: n.Resent == 0 && (state == string(request.StageFinished) || progress.Outcome == request.OutcomeInvited),
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
	if progress.Address == "" && reader.Has("now."+state+"Erased") {
		content.Now = reader.Say("now." + state + "Erased")
	}
	if n.Resent > 0 {
		content.ResentFor = reader.Count("resend.done", n.Resent)
	}
	return page{reader: reader, Title: reader.Say("status.title"), Path: Path + "/" + string(id), Content: content}
}
