package request_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/request/memstore"
	"guestlist/handlers/submission"
)

const (
	orderedID = "01kvgo0gdbj7gfqfnnkhmrlohdpq93mi8saqok40vp8gklm9"
	olga      = "cccccccc-0000-4000-8000-000000000001"
	aMark     = "00112233445566778899aabbccddeeff"
)

var ordersGiven = time.Date(2026, 5, 4, 10, 0, 0, 123456700, time.UTC)

// orderOf returns an order of the kind with every field set.
func orderOf(kind request.OrderKind) request.Order {
	order := request.Order{Kind: kind, ID: orderedID, Seen: aMark, By: olga, Name: "Olga Ortiz", Given: ordersGiven}
	if kind == request.CloseOrder {
		order.ID = ""
	}
	return order
}

func encodedOrder(t testing.TB, order request.Order) []byte {
	t.Helper()
	encoded, err := order.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func TestOrderComesBackAsItWasGiven(t *testing.T) {
	for _, kind := range request.OrderKinds() {
		want := orderOf(kind)
		encoded := encodedOrder(t, want)
		got, err := request.DecodeDecision(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(request.DecisionMessage(want), got); diff != "" {
			t.Errorf("(-given +read):\n%s", diff)
		}
		if strings.Contains(string(encoded), "T10:00") {
			t.Errorf("the host would re-format a time in %s", encoded)
		}
		if got.About() != want.ID || !got.Sent().Equal(want.Given) {
			t.Errorf("about %q, sent %s", got.About(), got.Sent())
		}
		_, err = submission.DecodeMessage(encoded)
		if err == nil {
			t.Errorf("an order to %s is taken for the message of a partner", kind)
		}
	}
}

// TestBallotsOfVersionsWithoutOrdersAreRead: they have no kind.
func TestBallotsOfVersionsWithoutOrdersAreRead(t *testing.T) {
	const body = `{"version":1,"id":"` + orderedID + `","seen":"seen 2026-05-04T09:00:00.1234567Z","stage":1,` +
		`"by":"` + olga + `","name":"Rita Ruiz","yes":true,"note":"known","cast":"1777888800123456700"}`
	got, err := request.DecodeDecision([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	ballot, is := got.(request.CastBallot)
	if !is || ballot.ID != orderedID || !ballot.Yes || ballot.Note != "known" {
		t.Errorf("got %+v", got)
	}
}

func TestOrderIsCheckedBeforeItIsSent(t *testing.T) {
	tests := map[string]struct {
		kind   request.OrderKind
		change func(*request.Order)
		wrong  string // what the text for the person says; "" if it is taken
	}{
		"an id in capitals":            {request.RetryOrder, func(o *request.Order) { o.By = strings.ToUpper(o.By) }, ""},
		"marks that turn the text":     {request.RetryOrder, func(o *request.Order) { o.Name = "Olga\u202e\x00 Ortiz" }, ""},
		"more than a tick":             {request.RetryOrder, func(o *request.Order) { o.Given = o.Given.Add(50) }, ""},
		"nobody":                       {request.RetryOrder, func(o *request.Order) { o.By = "olga" }, "who gives"},
		"no name":                      {request.CloseOrder, func(o *request.Order) { o.Name = "\u202e" }, "who gives"},
		"a name that is too long":      {request.CloseOrder, func(o *request.Order) { o.Name = strings.Repeat("x", 257) }, "who gives"},
		"another kind":                 {"erase", func(*request.Order) {}, "what the order is about"},
		"no kind":                      {"", func(*request.Order) {}, "what the order is about"},
		"no request":                   {request.ResendOrder, func(o *request.Order) { o.ID = "" }, "what the order is about"},
		"no id":                        {request.ResendOrder, func(o *request.Order) { o.ID = "x" }, "what the order is about"},
		"a request beside the breaker": {request.CloseOrder, func(o *request.Order) { o.ID = orderedID }, "what the order is about"},
		"nothing seen":                 {request.RetryOrder, func(o *request.Order) { o.Seen = "" }, "what the order is about"},
		"a mark in capitals":           {request.RetryOrder, func(o *request.Order) { o.Seen = strings.ToUpper(o.Seen) }, "what the order is about"},
		"half a mark":                  {request.RetryOrder, func(o *request.Order) { o.Seen = o.Seen[:16] }, "what the order is about"},
		"no time":                      {request.RetryOrder, func(o *request.Order) { o.Given = time.Time{} }, "what the order is about"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			order := orderOf(request.RetryOrder)
			if test.kind == request.CloseOrder {
				order = orderOf(request.CloseOrder)
			}
			order.Kind = test.kind
			test.change(&order)
			got, err := order.Check()
			if test.wrong != "" {
				failure := problem.From(err)
				if failure.Code != problem.InvalidInput || !strings.Contains(failure.Public, test.wrong) {
					t.Errorf("got %v", err)
				}
				return
			}
			if want := orderOf(test.kind); err != nil || got != want {
				t.Errorf("%v: got %+v, want %+v", err, got, want)
			}
		})
	}
}

func TestMessageThatIsNoOrderIsRefused(t *testing.T) {
	encoded := encodedOrder(t, orderOf(request.RetryOrder))
	with := func(name string, value any) string {
		fields := map[string]any{}
		err := json.Unmarshal(encoded, &fields)
		if err != nil {
			t.Fatal(err)
		}
		fields = maps.Clone(fields)
		fields[name] = value
		changed, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		return string(changed)
	}
	for name, body := range map[string]string{
		"two":                 string(encoded) + string(encoded),
		"groups":              with("groups", []string{"aaaaaaaa-0000-4000-8000-000000000001"}),
		"an authority":        with("authority", "operator"),
		"a state":             with("state", "done"),
		"a vote":              with("yes", true),
		"another version":     with("version", 2),
		"another kind":        with("kind", "cancel"),
		"a kind in capitals":  with("kind", "Retry"),
		"a kind of no text":   with("kind", 1),
		"an empty kind":       with("kind", ""),
		"no id":               with("id", "x"),
		"a close of one":      with("kind", "close-breaker"),
		"a time of a host":    with("given", "2026-05-04T10:00:00Z"),
		"before all times":    with("given", "-1"),
		"no mark":             with("seen", "seen"),
		"nobody":              with("by", ""),
		"a name that is none": with("name", " "),
	} {
		_, err := request.DecodeDecision([]byte(body))
		if problem.CodeOf(err) != problem.MalformedMessage || strings.Contains(fmt.Sprint(err), "Olga") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecisionMessage(f *testing.F) {
	for _, kind := range request.OrderKinds() {
		f.Add(encodedOrder(f, orderOf(kind)))
	}
	f.Add([]byte(`{"version":1,"kind":null}`))
	f.Add([]byte(`{"version":1,"Kind":"retry"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		message, err := request.DecodeDecision(body)
		if err != nil {
			if problem.CodeOf(err) != problem.MalformedMessage {
				t.Fatalf("another error: %v", err)
			}
			return
		}
		again, err := message.Encode()
		if err != nil {
			t.Fatalf("a message that was read can't be sent: %v", err)
		}
		same, err := request.DecodeDecision(again)
		if err != nil || same != message {
			t.Fatalf("%v: %+v became %+v", err, message, same)
		}
	})
}

// failedRequest is one that failed at its invitation.
func failedRequest() request.Request {
	return request.Request{
		ID: orderedID, State: request.Failed, Since: ordersGiven,
		Decision: &policy.Decision{Action: policy.Invite, Terms: &policy.Terms{}},
	}
}

// TestMarkTellsWhatHasChangedSince: an order about what has changed must not count, and one about
// what has not must.
func TestMarkTellsWhatHasChangedSince(t *testing.T) {
	before := failedRequest()
	tests := map[string]struct {
		change func(*request.Request)
		same   bool
	}{
		"nothing":               {func(*request.Request) {}, true},
		"less than a tick":      {func(r *request.Request) { r.Since = r.Since.Add(50) }, true},
		"the clock's place":     {func(r *request.Request) { r.Since = r.Since.In(time.FixedZone("x", 3600)) }, true},
		"an order was ignored":  {func(r *request.Request) { r.Orders.Ignored++ }, true},
		"another version":       {func(r *request.Request) { r.Version, r.Events = "2", 9 }, true},
		"an order was obeyed":   {func(r *request.Request) { r.Orders.Count++ }, false},
		"the state":             {func(r *request.Request) { r.State = request.Done }, false},
		"it failed once more":   {func(r *request.Request) { r.Since = r.Since.Add(request.Tick) }, false},
		"somebody has retried":  {func(r *request.Request) { r.Retried = ordersGiven }, false},
		"it is another request": {func(r *request.Request) { r.ID = "01kvgo0gdbj7gfqfnnkhmrlohdpq93mi8saqok40vp8gklm8" }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			after := before
			test.change(&after)
			if same := before.OrderMark() == after.OrderMark(); same != test.same {
				t.Errorf("the mark is the same: %t", same)
			}
		})
	}
}

func TestRequestSaysWhatCanBeOrdered(t *testing.T) {
	guest := func(r *request.Request) { r.GuestID = "g" }
	tests := map[string]struct {
		change func(*request.Request)
		want   []request.OrderKind
	}{
		"failed":              {func(*request.Request) {}, []request.OrderKind{request.RetryOrder}},
		"failed with a guest": {guest, []request.OrderKind{request.RetryOrder, request.ResendOrder}},
		"done":                {func(r *request.Request) { guest(r); r.State = request.Done }, []request.OrderKind{request.ResendOrder}},
		"its code is wanted": {func(r *request.Request) { r.State, r.Proof = request.Proving, request.Proof{Wanted: ordersGiven} },
			[]request.OrderKind{request.ResendOrder}},
		"its mail is on its way": {func(r *request.Request) {
			guest(r)
			r.State, r.Resend = request.Done, request.Instruction{At: ordersGiven, By: "x"}
		}, nil},
		"denied":    {func(r *request.Request) { r.State = request.Denied }, nil},
		"withdrawn": {func(r *request.Request) { r.Withdrawal = request.Instruction{At: ordersGiven, By: "x"} }, nil},
		"erased":    {func(r *request.Request) { r.Erased = ordersGiven }, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := failedRequest()
			test.change(&r)
			if got := r.Operates(); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// TestOrderClosesOnlyWhatItsOperatorSaw: not what a person has opened, not where an attempt does
// harm, and no later opening.
func TestOrderClosesOnlyWhatItsOperatorSaw(t *testing.T) {
	opened := func(cause problem.Code) request.Gate {
		return request.Gate{Cause: cause, OpenedAt: ordersGiven.Add(-time.Hour), ProbeAt: ordersGiven, Turns: 3, Sent: 2, Day: "2026-05-04"}
	}
	tests := map[string]struct {
		seen, now request.Gate
		refused   string // what the refusal says; "" if the breaker closes
	}{
		"as it was seen": {opened(request.DirectoryForbidden), opened(request.DirectoryForbidden), ""},
		"a probe since": {opened(request.DirectoryQuota), func() request.Gate {
			g := opened(request.DirectoryQuota)
			g.ProbeAt, g.Turns = ordersGiven.Add(time.Hour), 4
			return g
		}(), ""},
		"closed since": {opened(request.DirectoryForbidden), request.Gate{}, "is closed"},
		"opened anew": {opened(request.DirectoryForbidden), func() request.Gate {
			g := opened(request.DirectoryForbidden)
			g.OpenedAt = g.OpenedAt.Add(time.Minute)
			return g
		}(), "anew"},
		"opened anew by a clock that is behind": {opened(request.DirectoryForbidden), func() request.Gate {
			g := opened(request.DirectoryForbidden).Close("somebody", ordersGiven)
			again := opened(request.DirectoryForbidden)
			again.ClosedAt = g.ClosedAt
			return again
		}(), "anew"},
		"another cause": {opened(request.DirectoryForbidden), opened(request.DirectoryQuota), "another cause"},
		"a person's stop": {opened(request.DirectoryForbidden), func() request.Gate {
			g := opened(request.DirectoryForbidden)
			g.Stop = request.Stop{By: "ada", At: ordersGiven}
			return g
		}(), "by a person"},
		"an attempt does harm":       {opened(request.DirectorySuspicious), opened(request.DirectorySuspicious), "make it worse"},
		"a cause that nobody knows":  {opened("directory-new"), opened("directory-new"), "make it worse"},
		"suspicious since it looked": {opened(request.DirectoryForbidden), opened(request.DirectorySuspicious), "make it worse"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			gates := memstore.New()
			stored, err := gates.SaveGate(t.Context(), test.now)
			if err != nil {
				t.Fatal(err)
			}
			order := orderOf(request.CloseOrder)
			order.Seen = test.seen.OpeningMark()
			asked, err := request.RefusalOf(t.Context(), gates, order)
			if err != nil {
				t.Fatal(err)
			}
			_, refusal, err := request.CloseByOrder(t.Context(), gates, order, ordersGiven)
			if err != nil || refusal != asked || !strings.Contains(refusal, test.refused) || (refusal == "") != (test.refused == "") {
				t.Errorf("%v, refused %q, and before %q", err, refusal, asked)
			}
			after, err := gates.Gate(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if test.refused != "" {
				if after.Version != stored.Version {
					t.Errorf("the gate was changed to %+v", after)
				}
				return
			}
			if after.IsOpen() || after.Turns < 3 || after.Sent != 2 || after.ClosedBy != "Olga Ortiz ("+olga+")" || after.ClosedAt.IsZero() {
				t.Errorf("the gate is %+v", after)
			}
		})
	}
}

// TestNoTwoOpeningsHaveTheSameMark lets the breaker open and close again and again, without a clock
// that moves.
func TestNoTwoOpeningsHaveTheSameMark(t *testing.T) {
	seen, gate := map[string]bool{}, request.Gate{}
	for range 20 {
		gate.Cause, gate.OpenedAt = request.DirectoryForbidden, ordersGiven
		if seen[gate.OpeningMark()] {
			t.Fatal("two openings have the same mark")
		}
		seen[gate.OpeningMark()] = true
		gate = gate.Close("somebody", ordersGiven)
	}
	if gate.ClosedAt.Sub(ordersGiven) > time.Second {
		t.Errorf("closed at %s", gate.ClosedAt)
	}
}
