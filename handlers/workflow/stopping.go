package workflow

import (
	"context"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// tellOfStop writes the line that alerts look for once a person has stopped all invitations: the
// command that did it writes no log of the app. It is marked as written afterwards, so it may come
// twice if that fails. It has neither the person's name nor the reason, which may name somebody.
func (w *Worker) tellOfStop(ctx context.Context, gate request.Gate) {
	stop := gate.Stop
	if !stop.Stands() || !stop.ToldAt.IsZero() {
		return
	}
	w.config.Log.ErrorContext(ctx, LogBreakerOpened, "request", "", "cause", request.StoppedByAdmin,
		"cure", request.CauseOf(request.StoppedByAdmin).Cure, "ref", "")
	_, err := w.changeGate(ctx, func(gate request.Gate) (request.Gate, bool) {
		if !gate.Stop.At.Equal(stop.At) || !gate.Stop.ToldAt.IsZero() {
			return gate, false // it was lifted, or another instance has told
		}
		gate.Stop.ToldAt = w.config.Now()
		return gate, true
	})
	if err != nil {
		w.config.Log.WarnContext(ctx, "an admin's stop could not be marked as logged",
			"code", problem.CodeOf(err), "error", err)
	}
}
