package request

import (
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"
)

// section returns the text between two marks of a page of the documentation.
func section(t *testing.T, page, from, to string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), from)
	part, _, closed := strings.Cut(rest, to)
	if !found || !closed {
		t.Fatalf("%s has no part between %q and %q", page, from, to)
	}
	return part
}

func TestDiagramShowsTransitions(t *testing.T) {
	drawing := section(t, "architecture.md", "stateDiagram-v2\n", "```")
	drawn := map[[2]State]bool{}
	edges := regexp.MustCompile(`(?m)^ *(\w+|\[\*\]) --> (\w+|\[\*\])`)
	for _, edge := range edges.FindAllStringSubmatch(drawing, -1) {
		drawn[[2]State{State(edge[1]), State(edge[2])}] = true
	}
	want := map[[2]State]bool{{"[*]", Received}: true, {"[*]", Void}: true, {Void, "[*]"}: true}
	for _, from := range States() {
		if len(from.Next()) == 0 {
			want[[2]State{from, "[*]"}] = true
		}
		for _, to := range from.Next() {
			if to != from {
				want[[2]State{from, to}] = true
			}
		}
	}
	if !maps.Equal(drawn, want) {
		t.Errorf("drawn %v\nlegal %v", drawn, want)
	}
}

func TestManualListsStatesWithMeanings(t *testing.T) {
	listed := map[State]string{}
	rows := regexp.MustCompile(`(?m)^\| (\w+) \| ([^|]*) \|`)
	for _, row := range rows.FindAllStringSubmatch(section(t, "operations.md", "| --- | --- | --- |\n", "\n\n"), -1) {
		listed[State(row[1])] = row[2]
	}
	want := map[State]string{}
	for _, state := range States() {
		want[state] = state.Meaning()
	}
	if !maps.Equal(listed, want) {
		t.Errorf("listed %v\nwant %v", listed, want)
	}
}

func TestStateTraitsAgree(t *testing.T) {
	for _, state := range States() {
		// A stage that only invitations pass through would tell who is let in.
		want := StageFinished
		if state == Received {
			want = StageInWork
		}
		if state.Stage() != want {
			t.Errorf("%s has the stage %s, want %s", state, state.Stage(), want)
		}
		if len(state.Next()) == 0 && !state.Ended() {
			t.Errorf("%s leads nowhere and is not ended", state)
		}
		if state.Finished() && !state.Ended() {
			t.Errorf("%s is finished and not ended", state)
		}
		for _, next := range state.Next() {
			if !next.Known() {
				t.Errorf("%s leads on to %q, which is not a state", state, next)
			}
		}
	}
}
