package status

import (
	"strings"
	"testing"

	"golang.org/x/net/html"

	"guestlist/handlers/i18n"
	"guestlist/handlers/request"
	"guestlist/handlers/web/internal/pagetest"
)

// elements returns the elements of the name below n.
func elements(n *html.Node, name string) (found []*html.Node) {
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && d.Data == name {
			found = append(found, d)
		}
	}
	return found
}

func TestHeadingSaysWhatHappened(t *testing.T) {
	id := newID(t, pagetest.Morning)
	for name, test := range map[string]struct {
		progress request.Progress
		says     string
		ticks    int // steps that are done
	}{
		"received":  {request.Progress{Stage: request.StageReceived}, "We have received your request", 0},
		"in work":   {request.Progress{Stage: request.StageInWork}, "We are checking your request", 1},
		"checked":   {request.Progress{Stage: request.StageFinished}, "We have checked your request", 2},
		"proving":   {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeProving}, "We are waiting for your code", 1},
		"waiting":   {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeWaiting}, "Your request is waiting for a decision", 1},
		"inviting":  {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeInviting}, "We are preparing your invitation", 1},
		"invited":   {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeInvited}, "We have sent your invitation", 2},
		"unsent":    {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeUnsent}, "Your invitation mail did not go out", 2},
		"joined":    {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeJoined}, "Your guest access is ready", 2},
		"refused":   {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeRefused}, "We can’t give you access", 2},
		"withdrawn": {request.Progress{Stage: request.StageFinished, Outcome: request.OutcomeWithdrawn}, "Your request is withdrawn", 2},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := newStatus(t, &fakeRequests{known: id, progress: test.progress}, detailed)
			response := askWith(h, id, "")
			doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
			if heading := pagetest.Text(doc.First("h1")); heading != test.says || doc.Title != test.says {
				t.Errorf("heading %q, title %q, want %q", heading, doc.Title, test.says)
			}
			ticks := 0
			for _, step := range elements(doc.ByID["progress"], "li") {
				past := pagetest.Attribute(step, "class") == "past"
				// Readers of a screen are told what a tick mark tells the others.
				if drawn := len(elements(step, "svg")) == 1; drawn != past || strings.HasSuffix(pagetest.Text(step), "(done)") != past {
					t.Errorf("the step %q, past: %t, has a tick mark: %t", pagetest.Text(step), past, drawn)
				}
				if past {
					ticks++
				}
			}
			if ticks != test.ticks {
				t.Errorf("%d steps are done, want %d", ticks, test.ticks)
			}
		})
	}
}

func TestHeadingsDifferByLanguageAndState(t *testing.T) {
	id := newID(t, pagetest.Morning)
	seen := map[string]string{}
	for _, l := range i18n.Languages() {
		for _, stage := range []request.Stage{request.StageReceived, request.StageInWork, request.StageFinished} {
			h, _ := newStatus(t, &fakeRequests{known: id, progress: request.Progress{Stage: stage}})
			response := askWith(h, id, "lang="+l.Tag)
			doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
			heading := pagetest.Text(doc.First("h1"))
			if where := l.Tag + " " + string(stage); seen[heading] != "" {
				t.Errorf("%s and %s are both headed %q", seen[heading], where, heading)
			} else {
				seen[heading] = where
			}
		}
	}
}

// The button is of use to scripts only.
func TestButtonThatCopiesLinkIsHiddenWithoutScripts(t *testing.T) {
	id := newID(t, pagetest.Morning)
	h, _ := newStatus(t, &fakeRequests{known: id, progress: request.Progress{Stage: request.StageFinished}})
	response := askWith(h, id, "")
	doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
	button := doc.ByID["copy"]
	hidden := false
	for _, a := range button.Parent.Attr {
		hidden = hidden || a.Key == "hidden"
	}
	if pagetest.Text(button) != "Copy the link" || pagetest.Attribute(button, "type") != "button" || !hidden {
		t.Errorf("the button says %q, hidden: %t", pagetest.Text(button), hidden)
	}
}

// Between letters of Arabic, groups of digits and of letters would change places.
func TestReferenceRunsFromLeftToRight(t *testing.T) {
	id := newID(t, pagetest.Morning)
	h, _ := newStatus(t, &fakeRequests{known: id, progress: request.Progress{Stage: request.StageFinished}})
	response := askWith(h, id, "lang=ar")
	doc := pagetest.CheckPage(t, response, pagetest.Body(t, response))
	if reference := doc.First("code"); reference == nil || pagetest.Attribute(reference, "dir") != "ltr" {
		t.Error("the reference has no direction of its own")
	}
}
