package request

import (
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestTheDrawingShowsTheTransitions holds the picture in the documentation to the table in the code.
func TestTheDrawingShowsTheTransitions(t *testing.T) {
	page, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "stateDiagram-v2\n")
	drawing, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("the page has no drawing of the states")
	}
	drawn := map[[2]State]bool{}
	for _, edge := range regexp.MustCompile(`(?m)^ *(\w+|\[\*\]) --> (\w+|\[\*\])`).FindAllStringSubmatch(drawing, -1) {
		drawn[[2]State{State(edge[1]), State(edge[2])}] = true
	}
	want := map[[2]State]bool{{"[*]", Received}: true}
	for _, from := range States() {
		states := from.Next()
		if len(states) == 0 {
			want[[2]State{from, "[*]"}] = true
		}
		for _, to := range states {
			if to != from {
				want[[2]State{from, to}] = true
			}
		}
	}
	if !maps.Equal(drawn, want) {
		t.Errorf("drawn %v\nlegal %v", drawn, want)
	}
}

func TestEveryStateHasItsTransitionsAndAStage(t *testing.T) {
	for _, from := range States() {
		states := from.Next()
		// A stage that only those pass through who are let in would tell that they are.
		want := StageFinished
		if from == Received {
			want = StageInWork
		}
		if from.Stage() != want {
			t.Errorf("%s has the stage %s, want %s", from, from.Stage(), want)
		}
		// From an ended state only a person leads on.
		if len(states) == 0 && !from.Ended() {
			t.Errorf("%s leads nowhere and is not ended", from)
		}
		for _, to := range states {
			if !to.Known() {
				t.Errorf("%s leads on to %s, which is no state", from, to)
			}
		}
	}
}
