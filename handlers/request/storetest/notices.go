package storetest

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// notice returns an entry as it is put, due at start.
func notice(t *testing.T, kind request.NoticeKind, mark string) request.NoticeEntry {
	t.Helper()
	return request.NoticeEntry{
		Request: newID(t), Stage: 1, Since: stored, Kind: kind, Mark: mark, At: stored, Due: stored,
	}
}

// progress has every field set.
func progress() request.NoticeProgress {
	return request.NoticeProgress{
		Told: []string{"teams", "22222222-2222-4222-8222-222222222222"}, Spared: []string{"33333333-3333-4333-8333-333333333333"},
		Intents: []request.NoticeIntent{
			{To: "webhook", At: stored}, {To: "44444444-4444-4444-8444-444444444444", At: stored, Mail: "55555555-5555-8555-8555-555555555555"},
		},
		Only: []string{"teams"}, Limited: true, Denied: []string{"44444444-4444-4444-8444-444444444444"},
	}
}

// dueNow returns what is due long after start, without versions.
func dueNow(t *testing.T, store Store) []request.NoticeEntry {
	t.Helper()
	entries := must(store.DueNotices(t.Context(), stored.AddDate(1, 0, 0), 1000))(t)
	for i := range entries {
		if entries[i].Version == "" {
			t.Error("a stored notice has no version")
		}
		entries[i].Version = ""
	}
	return entries
}

var noticeTests = map[string]func(*testing.T, Store){
	"an empty outbox has nothing due": func(t *testing.T, store Store) {
		wantSame(t, "what is due", []request.NoticeEntry(nil), dueNow(t, store))
		entry := notice(t, request.AskedNotice, "a")
		_, err := store.Notice(t.Context(), entry.ID(), "a")
		wantCode(t, "a notice that is not so", err, problem.NotFound)
		succeed(t, store.RemoveNotice(t.Context(), entry))
		_, err = store.SaveNotice(t.Context(), entry)
		wantCode(t, "a notice that is not so", err, problem.Conflict)
	},

	"an entry comes back as it was put": func(t *testing.T, store Store) {
		entry := notice(t, request.LastDayNotice, "a")
		entry.Stage, entry.Since, entry.At, entry.Due = 2, start, start, start.Add(time.Minute)
		entry.Deadline = start.AddDate(0, 0, 3)
		succeed(t, store.PutNotices(t.Context(), []request.NoticeEntry{entry}))
		entry.Since, entry.At, entry.Due = stored, stored, stored.Add(time.Minute)
		entry.Deadline = stored.AddDate(0, 0, 3)
		wantSame(t, "what is due", []request.NoticeEntry{entry}, dueNow(t, store))
		got := must(store.Notice(t.Context(), entry.ID(), "a"))(t)
		got.Version = ""
		wantSame(t, "the notice", entry, got)
		_, err := store.Notice(t.Context(), entry.ID(), "b")
		wantCode(t, "a notice that is not so", err, problem.NotFound)
	},

	"the longest due comes first, and none too early": func(t *testing.T, store Store) {
		var all []request.NoticeEntry
		for i := range 6 {
			entry := notice(t, request.AskedNotice, "a")
			entry.Due = stored.Add(time.Duration(5-i) * time.Hour)
			all = append(all, entry)
			succeed(t, store.PutNotices(t.Context(), []request.NoticeEntry{entry}))
		}
		slices.Reverse(all)
		for name, test := range map[string]struct {
			now   time.Time
			limit int
			want  []request.NoticeEntry
		}{
			"before":          {stored.Add(-request.Tick), 10, nil},
			"at once":         {stored, 10, all[:1]},
			"a tick before":   {stored.Add(2*time.Hour - request.Tick), 10, all[:2]},
			"to the tick":     {stored.Add(2 * time.Hour), 10, all[:3]},
			"at most so many": {stored.Add(9 * time.Hour), 4, all[:4]},
			"none":            {stored.Add(9 * time.Hour), 0, nil},
		} {
			got := must(store.DueNotices(t.Context(), test.now, test.limit))(t)
			for i := range got {
				got[i].Version = ""
			}
			if len(got)+len(test.want) > 0 {
				wantSame(t, name, test.want, got)
			}
		}
	},

	"several entries are put at once, also twice": func(t *testing.T, store Store) {
		asked, decided := notice(t, request.AskedNotice, "a"), notice(t, request.DecidedNotice, "a")
		asked.Due = stored.Add(-time.Minute)
		both := []request.NoticeEntry{asked, decided}
		succeed(t, store.PutNotices(t.Context(), both))
		sent := must(store.Notice(t.Context(), asked.ID(), "a"))(t)
		sent.NoticeProgress = progress()
		must(store.SaveNotice(t.Context(), sent))(t)
		succeed(t, store.PutNotices(t.Context(), both))
		sent.Version = ""
		wantSame(t, "what is due", []request.NoticeEntry{sent, decided}, dueNow(t, store))
		succeed(t, store.PutNotices(t.Context(), nil))
	},

	"entries with other marks are others": func(t *testing.T, store Store) {
		one := notice(t, request.AskedNotice, "a")
		other := one
		other.Mark = "b"
		succeed(t, store.PutNotices(t.Context(), []request.NoticeEntry{one}))
		succeed(t, store.PutNotices(t.Context(), []request.NoticeEntry{other}))
		wantSame(t, "what is due", []request.NoticeEntry{one, other}, dueNow(t, store))
		succeed(t, store.RemoveNotice(t.Context(), must(store.Notice(t.Context(), one.ID(), "a"))(t)))
		wantSame(t, "what is due", []request.NoticeEntry{other}, dueNow(t, store))
	},

	"progress is kept under the version": func(t *testing.T, store Store) {
		entry := notice(t, request.ReminderNotice, "a")
		succeed(t, store.PutNotices(t.Context(), []request.NoticeEntry{entry}))
		first := must(store.Notice(t.Context(), entry.ID(), "a"))(t)
		second := first
		second.NoticeProgress, second.Tries, second.Due = progress(), 3, stored.Add(time.Hour)
		saved := must(store.SaveNotice(t.Context(), second))(t)
		if saved.Version == first.Version {
			t.Error("the version stays")
		}
		got := must(store.Notice(t.Context(), entry.ID(), "a"))(t)
		wantSame(t, "the notice", saved, got)
		_, err := store.SaveNotice(t.Context(), first)
		wantCode(t, "a notice that is not so", err, problem.Conflict)
		wantCode(t, "removing", store.RemoveNotice(t.Context(), first), problem.Conflict)
		saved.NoticeProgress = request.NoticeProgress{}
		saved = must(store.SaveNotice(t.Context(), saved))(t)
		wantSame(t, "the notice", saved, must(store.Notice(t.Context(), entry.ID(), "a"))(t))
		succeed(t, store.RemoveNotice(t.Context(), saved))
		succeed(t, store.RemoveNotice(t.Context(), saved))
		wantSame(t, "what is due", []request.NoticeEntry(nil), dueNow(t, store))
		_, err = store.SaveNotice(t.Context(), saved)
		wantCode(t, "a notice that is not so", err, problem.Conflict)
	},

	"hundreds of people fit": func(t *testing.T, store Store) {
		entry := notice(t, request.AskedNotice, "a")
		succeed(t, store.PutNotices(t.Context(), []request.NoticeEntry{entry}))
		entry = must(store.Notice(t.Context(), entry.ID(), "a"))(t)
		for range 500 {
			entry.Told = append(entry.Told, strings.Repeat("2", 36))
		}
		for range 60 {
			entry.Intents = append(entry.Intents, request.NoticeIntent{To: strings.Repeat("3", 36), At: stored, Mail: request.MailID(strings.Repeat("4", 36))})
		}
		saved := must(store.SaveNotice(t.Context(), entry))(t)
		wantSame(t, "the notice", saved, must(store.Notice(t.Context(), entry.ID(), "a"))(t))
	},

	"of several that save at once one does": func(t *testing.T, store Store) {
		entry := notice(t, request.AskedNotice, "a")
		succeed(t, store.PutNotices(t.Context(), []request.NoticeEntry{entry}))
		entry = must(store.Notice(t.Context(), entry.ID(), "a"))(t)
		var wins sync.Map
		var group sync.WaitGroup
		for i := range callers {
			group.Go(func() {
				mine := entry
				mine.Tries = i + 1
				_, err := store.SaveNotice(t.Context(), mine)
				if err == nil {
					wins.Store(i, true)
				} else if problem.CodeOf(err) != problem.Conflict {
					t.Errorf("saving a notice: %v", err)
				}
			})
		}
		group.Wait()
		n := 0
		wins.Range(func(any, any) bool { n++; return true })
		if n != 1 {
			t.Errorf("%d of %d calls saved the notice", n, callers)
		}
	},
}
