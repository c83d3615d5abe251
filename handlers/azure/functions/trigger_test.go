package functions_test

import (
	"context"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"guestlist/handlers/azure/functions"
)

// received runs a queue function on the envelope and returns what it got.
func received(t testing.TB, envelope string) functions.QueueMessage {
	t.Helper()
	app, _ := newApp(t, functions.Config{})
	var got functions.QueueMessage
	runs := 0
	app.Queue("queue", "message", func(_ context.Context, m functions.QueueMessage) error {
		got = m
		runs++
		return nil
	})
	w := post(app, "queue", envelope)
	if w.Code != 200 || runs != 1 {
		t.Fatalf("status %d, %d runs, body %s", w.Code, runs, w.Body)
	}
	return got
}

func TestQueueMessageIsReadInEveryForm(t *testing.T) {
	text := `{"email":"a@b.c"}`
	tests := map[string]struct{ data, want string }{
		"binary":                           {`"eyJlbWFpbCI6ImFAYi5jIn0="`, text},
		"binary, no text":                  {`"AP+J"`, "\x00\xff\x89"},
		"binary, empty message":            {`""`, ""},
		"string, encoded twice":            {quote(quote(text)), text},
		"string, encoded once":             {quote(text), text},
		"an object":                        {text, text},
		"an array":                         {`[1]`, `[1]`},
		"a number":                         {`4711`, `4711`},
		"encoded twice, looks like base64": {quote(quote("abcd")), "abcd"},
		"text with a quotation mark":       {quote(`"half`), `"half`},
		"text that is not quite base64":    {quote("abcde"), "abcde"},
		"base64 with a line end is text":   {quote("abcd\nabcd"), "abcd\nabcd"},
		"base64 without padding is text":   {quote("YQ"), "YQ"},
		"base64 with stray bits is text":   {quote("YR=="), "YR=="},
		"URL-safe base64 is text":          {quote("-_-_"), "-_-_"},
		"a message that is a JSON string":  {quote(quote(quote("x"))), quote("x")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := received(t, queueEnvelope(test.data)); string(got.Body) != test.want {
				t.Errorf("body %q, want %q", got.Body, test.want)
			}
		})
	}
}

func TestBinaryMessageArrivesByteForByte(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		want := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(r, "message")
		encoded := `"` + base64Of(want) + `"`
		if got := received(t, queueEnvelope(encoded)); string(got.Body) != string(want) {
			t.Fatalf("body %q, want %q", got.Body, want)
		}
	})
}

func TestQueueMetadataIsOptional(t *testing.T) {
	const id = "800ae4b3-bdd2-4c08-badd-f08e5a34b865"
	tests := map[string]struct {
		metadata string
		id       string
		count    int
	}{
		"as the host sends it":   {`{"Id":"\"` + id + `\"","DequeueCount":"3"}`, id, 3},
		"as the docs show it":    {`{"Id":"` + id + `","DequeueCount":3}`, id, 3},
		"encoded twice":          {`{"DequeueCount":"\"4\""}`, "", 4},
		"missing":                {`{}`, "", 0},
		"null":                   {`null`, "", 0},
		"an array":               {`[]`, "", 0},
		"nulls":                  {`{"Id":null,"DequeueCount":null}`, "", 0},
		"not a count":            {`{"DequeueCount":"many"}`, "", 0},
		"negative":               {`{"DequeueCount":-1}`, "", 0},
		"beyond any count":       {`{"DequeueCount":99999999999999999999}`, "", 0},
		"an id unfit for a log":  {`{"Id":"a\nb"}`, "", 0},
		"an id beyond any bound": {`{"Id":"` + strings.Repeat("a", 65) + `"}`, "", 0},
		"objects":                {`{"Id":{},"DequeueCount":{}}`, "", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := received(t, `{"Data":{"message":"aGk="},"Metadata":`+test.metadata+`}`)
			if got.ID != test.id || got.DequeueCount != test.count || string(got.Body) != "hi" {
				t.Errorf("id %q, count %d, body %q", got.ID, got.DequeueCount, got.Body)
			}
		})
	}
	if got := received(t, `{"Data":{"message":"aGk="}}`); got.ID != "" || got.DequeueCount != 0 {
		t.Errorf("without metadata: %+v", got)
	}
}

func TestMessagesDoNotShareMemory(t *testing.T) {
	app, _ := newApp(t, functions.Config{})
	var kept []functions.QueueMessage
	app.Queue("queue", "message", func(_ context.Context, m functions.QueueMessage) error {
		kept = append(kept, m)
		return nil
	})
	for _, data := range []string{`{"n":1}`, `{"n":2}`, `"eyJuIjozfQ=="`} {
		accept(t, post(app, "queue", queueEnvelope(data)))
	}
	for i, want := range []string{`{"n":1}`, `{"n":2}`, `{"n":3}`} {
		if string(kept[i].Body) != want {
			t.Errorf("message %d became %s", i, kept[i].Body)
		}
	}
}

func TestTimerIgnoresUnknownContent(t *testing.T) {
	tests := map[string]struct {
		envelope string
		pastDue  bool
	}{
		"as documented":    {timerEnvelope, true},
		"in time":          {`{"Data":{"timer":{"IsPastDue":false}}}`, false},
		"other case":       {`{"data":{"Timer":{"isPastDue":true}}}`, true},
		"as text":          {`{"Data":{"timer":"{\"IsPastDue\":\"True\"}"}}`, true},
		"encoded twice":    {`{"Data":{"timer":` + quote(quote(`{"IsPastDue":true}`)) + `}}`, true},
		"no schedule":      {`{"Data":{"timer":{"ScheduleStatus":null,"IsPastDue":true}}}`, true},
		"null":             {`{"Data":{"timer":null}}`, false},
		"a number":         {`{"Data":{"timer":1}}`, false},
		"no data":          {`{}`, false},
		"data is text":     {`{"Data":"x"}`, false},
		"another binding":  {`{"Data":{"clock":{"IsPastDue":true}}}`, false},
		"past due is odd":  {`{"Data":{"timer":{"IsPastDue":{}}}}`, false},
		"past due is null": {`{"Data":{"timer":{"IsPastDue":null}}}`, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			app, _ := newApp(t, functions.Config{})
			runs := 0
			app.Timer("timer", "timer", func(_ context.Context, tick functions.Timer) error {
				runs++
				if tick.PastDue != test.pastDue {
					t.Errorf("past due %t, want %t", tick.PastDue, test.pastDue)
				}
				return nil
			})
			accept(t, post(app, "timer", test.envelope))
			if runs != 1 {
				t.Errorf("%d runs", runs)
			}
		})
	}
}
