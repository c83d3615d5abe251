package workflow_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/problem"
	"guestlist/handlers/workflow"
)

// TestManualListsLogLines holds the table for operators to the lines that the program promises.
func TestManualListsLogLines(t *testing.T) {
	page := must(os.ReadFile("../../docs/operations.md"))(t)
	_, rest, found := strings.Cut(string(page), "<!-- lines -->\n")
	table, _, closed := strings.Cut(rest, "<!-- /lines -->")
	if !found || !closed {
		t.Fatal("the page has no table of lines")
	}
	var documented []workflow.LogLine
	for i, line := range strings.Split(strings.TrimSpace(table), "\n") {
		if i < 2 {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if len(cells) != 4 || len(strings.TrimSpace(cells[3])) < 20 {
			t.Fatalf("line %d of the table must have four cells, and something to do in the last", i+1)
		}
		var row workflow.LogLine
		row.Message = strings.Trim(strings.TrimSpace(cells[0]), "`")
		err := row.Level.UnmarshalText([]byte(strings.TrimSpace(cells[1])))
		if err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		for field := range strings.SplitSeq(cells[2], ",") {
			row.Fields = append(row.Fields, strings.Trim(strings.TrimSpace(field), "`"))
		}
		documented = append(documented, row)
	}
	if diff := cmp.Diff(workflow.LogLines(), documented); diff != "" {
		t.Errorf("(-program +manual):\n%s", diff)
	}
}

// wantLine fails unless the log has the stable line, with its level and all its fields.
func (w *world) wantLine(message string, times int) {
	w.t.Helper()
	i := slices.IndexFunc(workflow.LogLines(), func(line workflow.LogLine) bool { return line.Message == message })
	if i < 0 {
		w.t.Fatalf("%q is not a stable line", message)
	}
	line := workflow.LogLines()[i]
	seen := 0
	for text := range strings.Lines(w.log.String()) {
		if !strings.Contains(text, "msg="+quotedForLog(message)+" ") && !strings.HasSuffix(strings.TrimSpace(text), "msg="+quotedForLog(message)) {
			continue
		}
		seen++
		if !strings.Contains(text, "level="+line.Level.String()+" ") {
			w.t.Errorf("not of level %s: %s", line.Level, text)
		}
		for _, field := range line.Fields {
			if !strings.Contains(text, " "+field+"=") {
				w.t.Errorf("without the field %s: %s", field, text)
			}
		}
	}
	if seen != times {
		w.t.Errorf("the line %q came %d times, want %d:\n%s", message, seen, times, w.log)
	}
}

// quotedForLog returns the message as slog's text form has it.
func quotedForLog(message string) string {
	if strings.Contains(message, " ") {
		return `"` + message + `"`
	}
	return message
}

// TestManualSaysWhatToDoWithRequestsThatStop holds the table for operators to the reasons for which
// a request fails, or is left to a person.
func TestManualSaysWhatToDoWithRequestsThatStop(t *testing.T) {
	sources := must(filepath.Glob("*.go"))(t)
	where := map[string]string{"Review": "review", "Failed": "request failed"}
	want := map[string]bool{}
	reason := regexp.MustCompile(`request\.(Review|Failed), "([a-z-]+)"`)
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		for _, match := range reason.FindAllSubmatch(must(os.ReadFile(source))(t), -1) {
			want[where[string(match[1])]+", `"+string(match[2])+"`"] = true
		}
	}
	got := map[string]bool{}
	row := regexp.MustCompile("(?m)^\\| ((?:review|request failed), `[a-z-]+`)[^|]*\\| [^|]+ \\| [^|]+ \\|$")
	page := must(os.ReadFile("../../docs/operations.md"))(t)
	for _, match := range row.FindAllSubmatch(page, -1) {
		got[string(match[1])] = true
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 10 {
		t.Errorf("(-program +manual):\n%s", diff)
	}
}

// TestLogSaysWhatFailed looks for lines that no alert needs, and that somebody needs who looks for
// a cause.
func TestLogSaysWhatFailed(t *testing.T) {
	t.Run("a membership", func(t *testing.T) {
		w := newWorld(t)
		w.order(answersOnce(membersOf(groupOne), 503))
		w.invited()
		w.deliverAll()
		w.wantLogged(`level=ERROR msg="a group membership was not added"`, "group="+groupOne)
	})
	t.Run("a decision", func(t *testing.T) {
		w := newWorld(t)
		w.submit("ana@contoso.com")
		w.on("Rows", before, -1, fails)
		w.deliverAll()
		w.wantLogged(`level=ERROR msg="the policy rows can't be read"`, "attempt=0")
	})
	t.Run("a request in trouble", func(t *testing.T) {
		w := newWorld(t)
		w.submit("ana@contoso.com")
		w.on("Save", before, -1, fails)
		ok(t, w.worker.GiveUp(t.Context(), "m", must(w.queue[0].Encode())(t)))
		w.wantLogged(`level=WARN msg="a request in trouble can't be recorded"`,
			"request="+string(w.queue[0].ID), "code=storage-unavailable")
	})
	t.Run("a turn that was not used", func(t *testing.T) {
		w := newWorld(t)
		w.invited()
		taken := false
		w.interrupt = func(op string, after bool) error {
			if taken {
				return unavailable
			}
			taken = op == "SaveGate" && after
			return nil
		}
		wantCode(t, "the invitation", w.deliver(), problem.StorageUnavailable)
		w.wantLogged(`level=WARN msg="a turn that was not used could not be given back"`,
			"code=storage-unavailable")
	})
}

// wantLogged fails unless the log has a line with all the parts.
func (w *world) wantLogged(parts ...string) {
	w.t.Helper()
	for line := range strings.Lines(w.log.String()) {
		if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
			return
		}
	}
	w.t.Errorf("no line with %q in the log:\n%s", parts, w.log)
}
