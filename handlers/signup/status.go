package signup

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"guestlist/handlers/house"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

const (
	// messageLifetime is how long a storage queue keeps a message: seven days, the default that the Functions host leaves as it is. An id
	// that is younger and unknown may still be on the queue.
	messageLifetime = 7 * 24 * time.Hour
	// clockSkew is how far the clock of the instance that issued an id may run ahead of this one.
	clockSkew = 5 * time.Minute
)

// Requests tells how far a request is. It fails with problem.NotFound where nothing is recorded.
type Requests interface {
	Progress(ctx context.Context, id submission.ID) (submission.Progress, error)
}

// StatusConfig is what the status page needs. All fields are required.
type StatusConfig struct {
	Requests Requests
	Now      func() time.Time
	Log      *slog.Logger
	Style    house.Style
}

type status struct {
	StatusConfig
	site *site
}

// NewStatus returns the handler of the status page, for a route that puts the request's id into the path value "id". It answers GET and
// HEAD, with JSON ({"stage", "address"}) to clients that prefer it:
//
//   - 200 with the stage, which says nothing of what was decided, and the masked address. An id that nothing is recorded of yet, but that may
//     still be on the queue by the time in it, counts as received;
//   - 404 for any other id, the same whether it is malformed, unknown or out of date;
//   - 503 if the store did not answer.
//
// An id is 128 random bits that only the person who signed up has been given; the page asks for nothing more.
func NewStatus(config StatusConfig) (http.Handler, error) {
	switch {
	case config.Requests == nil:
		return nil, errors.New("signup: the requests are missing")
	case config.Now == nil:
		return nil, errors.New("signup: the clock is missing")
	}
	site, err := newSite(config.Style, config.Log)
	if err != nil {
		return nil, err
	}
	s := &status{config, site}
	return site.guarded(s.serve, http.MethodGet, http.MethodHead), nil
}

func (s *status) serve(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	asJSON := prefersJSON(r)
	reader := s.site.readerOf(r)
	remember(w, r, reader)
	id, progress, err := s.progress(ctx, r.PathValue("id"))
	switch {
	case problem.CodeOf(err) == problem.NotFound:
		s.site.fail(w, r, asJSON, reader, &problem.Error{Code: problem.NotFound}, "unknown")
		return
	case err != nil:
		s.Log.ErrorContext(ctx, "the progress of a request can't be read", "request", string(id), logged(err))
		s.site.fail(w, r, asJSON, reader, &problem.Error{Code: problem.StorageUnavailable}, "lookup")
		return
	}
	if asJSON {
		s.site.answer(ctx, w, http.StatusOK, "application/json", struct {
			Stage   submission.Stage `json:"stage"`
			Address string           `json:"address,omitempty"`
		}{progress.Stage, progress.Address})
		return
	}
	s.site.show(ctx, w, http.StatusOK, "status.html", s.page(id, progress, reader))
}

// progress returns how far the request is whose id a client sent. It returns NotFound for an id that can't be one of ours.
func (s *status) progress(ctx context.Context, text string) (submission.ID, submission.Progress, error) {
	id, err := submission.ParseID(text)
	if err != nil {
		return "", submission.Progress{}, err
	}
	progress, err := s.Requests.Progress(ctx, id)
	if problem.CodeOf(err) != problem.NotFound {
		return id, progress, err
	}
	age := s.Now().Sub(id.Issued())
	if age > messageLifetime || age < -clockSkew {
		return id, submission.Progress{}, err
	}
	return id, submission.Progress{Stage: submission.StageReceived}, nil
}

// statusContent is what status.html gets.
type statusContent struct {
	ID        submission.ID
	State     string
	Stages    []stageContent
	Now, Next string
	Finished  bool
}

// stageContent is one step of the way.
type stageContent struct {
	Name          string
	Past, Current bool
}

func (s *status) page(id submission.ID, progress submission.Progress, reader reader) page {
	state := string(progress.Stage)
	content := statusContent{ID: id, State: state, Finished: progress.Stage == submission.StageFinished, Next: reader.Say("next." + state)}
	past := true
	for _, stage := range []submission.Stage{submission.StageReceived, submission.StageInWork, submission.StageFinished} {
		current := stage == progress.Stage
		past = past && !current
		content.Stages = append(content.Stages, stageContent{Name: reader.Say("status." + string(stage)), Past: past, Current: current})
	}
	content.Now = reader.Say("now." + state)
	if content.Finished {
		content.Now = reader.Say("now.finishedErased")
		if progress.Address != "" {
			content.Now = reader.With("now.finished", "Address", progress.Address)
		}
	}
	return page{reader: reader, Title: reader.Say("status.title"), Path: Path + "/" + string(id), Content: content}
}
