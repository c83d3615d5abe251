package simulation

import (
	"context"

	"guestlist/handlers/request"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// bendOutbox changes the outbox, where there is one.
func bendOutbox(change func(request.Notices) request.Notices) func(*run, *workflow.Config) {
	return func(_ *run, config *workflow.Config) {
		if config.Notices != nil {
			notices := *config.Notices
			notices.Outbox = change(notices.Outbox)
			config.Notices = &notices
		}
	}
}

// bendChannels changes the channels.
func bendChannels(change func(request.Channel) request.Channel) func(*run, *workflow.Config) {
	return func(_ *run, config *workflow.Config) {
		for i, channel := range config.Channels {
			config.Channels[i] = change(channel)
		}
	}
}

// knowing says of every channel that it recognizes what comes twice.
type knowing struct{ request.Channel }

func (knowing) Recognizes() bool { return true }

// forgetful stores no intents.
type forgetful struct{ request.Notices }

func (f forgetful) SaveNotice(ctx context.Context, entry request.NoticeEntry) (request.NoticeEntry, error) {
	intents := entry.Intents
	entry.Intents = nil
	saved, err := f.Notices.SaveNotice(ctx, entry)
	saved.Intents = intents
	return saved, err
}

// noOutbox puts nothing.
type noOutbox struct{ request.Notices }

func (noOutbox) PutNotices(context.Context, []request.NoticeEntry) error { return nil }

// hasty removes an entry instead of trying again.
type hasty struct{ request.Notices }

func (h hasty) SaveNotice(ctx context.Context, entry request.NoticeEntry) (request.NoticeEntry, error) {
	if entry.Tries > 0 && len(entry.Intents) == 0 {
		return entry, h.Notices.RemoveNotice(ctx, entry)
	}
	return h.Notices.SaveNotice(ctx, entry)
}

// lagging lets upkeep see a request that waits as it was when it began to, for ever.
type lagging struct {
	request.Store
	run  *run
	seen map[submission.ID]request.Request
}

func (l lagging) Load(ctx context.Context, id submission.ID) (request.Request, error) {
	r, err := l.Store.Load(ctx, id)
	if err != nil || l.run.current.upkeep == nil {
		return r, err
	}
	if r.State == request.Review {
		l.seen[id] = r
	}
	if seen, known := l.seen[id]; known {
		return seen, nil
	}
	return r, nil
}

// anywhere finds that everybody decides.
type anywhere struct{ request.People }

func (a anywhere) Addressees(ctx context.Context, _ []string, most int) (request.Addressees, error) {
	return a.People.Addressees(ctx, staff, most)
}

// noticeMutants are the mutants about notices.
func noticeMutants() []mutant {
	return []mutant{
		{lawNoticeOnce, "channels fail", "each channel is told again after a lost answer",
			bendChannels(func(c request.Channel) request.Channel { return knowing{c} })},
		{lawNoticeOnce, "people are told", "no intents are stored",
			bendOutbox(func(o request.Notices) request.Notices { return forgetful{o} })},
		{lawNoticeTrue, "channels fail", "notices say what was so when they were put", func(r *run, config *workflow.Config) {
			config.Store = lagging{config.Store, r, map[submission.ID]request.Request{}}
		}},
		{lawNoticeTrue, "people are told", "everybody is told", func(_ *run, config *workflow.Config) {
			config.People = anywhere{config.People}
		}},
		{lawNoticeTold, "people are told", "nothing is put",
			bendOutbox(func(o request.Notices) request.Notices { return noOutbox{o} })},
		{lawNoticeTold, "channels fail", "nothing is tried again",
			bendOutbox(func(o request.Notices) request.Notices { return hasty{o} })},
	}
}
