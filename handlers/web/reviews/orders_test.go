package reviews

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"guestlist/handlers/policy"
	"guestlist/handlers/problem"
	"guestlist/handlers/request"
	"guestlist/handlers/web/internal/pagetest"
)

// failing stores a request that has failed at its groups.
func (w *world) failing(changes ...func(*request.Request)) request.Request {
	w.t.Helper()
	return w.decided(3*time.Hour, func(r *request.Request) {
		r.State, r.Reason, r.GuestID = request.Failed, "1 membership was refused", "c0000000-0000-4000-8000-00000000000a"
		r.Decision.Action, r.Decision.Terms = policy.Invite, &policy.Terms{Groups: []string{grantedID}}
		r.Grants = []request.Grant{{Group: grantedID, State: request.GrantFailed}}
		for _, change := range changes {
			change(r)
		}
	})
}

// orderForm returns the form of an order about the request.
func orderForm(r request.Request, kind request.OrderKind) url.Values {
	return url.Values{"order": {string(kind)}, "seen": {r.OrderMark()}}
}

// open opens the breaker for the cause.
func (w *world) open(cause problem.Code) request.Gate {
	w.t.Helper()
	gate, err := w.store.SaveGate(w.t.Context(), request.Gate{Cause: cause, OpenedAt: w.now.Add(-time.Hour).UTC()})
	if err != nil {
		w.t.Fatal(err)
	}
	return gate
}

// orders returns the orders that were put on the queue.
func (w *world) ordered() []request.Order {
	w.t.Helper()
	var all []request.Order
	for _, message := range w.queue.Messages {
		order, err := request.DecodeOrder(message)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, order)
	}
	return all
}

func TestOperatorOrdersAboutRequest(t *testing.T) {
	for kind, button := range map[request.OrderKind]string{request.RetryOrder: "Try again", request.ResendOrder: "Send the mail again"} {
		t.Run(string(kind), func(t *testing.T) {
			w := newWorld(t)
			r := w.failing()
			_, list := w.page(historyPath, "operating")
			path := listed(list)[string(r.ID.Reference())]
			if path != orderPathOf(r.ID) {
				t.Fatalf("the list leads to %q", path)
			}
			response, page := w.page(path, "operating")
			text := page.Text()
			if response.StatusCode != http.StatusOK || !slices.Contains(buttons(page), button) || !strings.Contains(text, "a***@partner.example.com") ||
				!strings.Contains(text, "1 membership was refused") {
				t.Errorf("%d, buttons %q, the page says %s", response.StatusCode, buttons(page), text)
			}
			for _, secret := range []string{"Silva", "ana@", "Partner Ltd", "tender", string(r.ID)} {
				if strings.Contains(text, secret) {
					t.Errorf("the page tells %q", secret)
				}
			}
			response, _ = w.send(path, "operating", orderForm(r, kind))
			if response.StatusCode != http.StatusSeeOther || !strings.HasPrefix(response.Header.Get("Location"), path+"?sent=") {
				t.Fatalf("%d, %q", response.StatusCode, response.Header.Get("Location"))
			}
			want := request.Order{
				Kind: kind, ID: r.ID, Seen: r.OrderMark(), By: people["operating"].Person, Name: "olga@contoso.com", Given: w.now.Truncate(request.Tick),
			}
			if got := w.ordered(); len(got) != 1 || got[0] != want {
				t.Errorf("sent %+v, want %+v", got, want)
			}
			_, page = w.page(response.Header.Get("Location"), "operating")
			if text := page.Text(); !strings.Contains(text, "does not count yet") || slices.Contains(buttons(page), button) {
				t.Errorf("buttons %q, the page says %s", buttons(page), text)
			}
			w.now = w.now.Add(2 * time.Minute)
			_, page = w.page(response.Header.Get("Location"), "operating")
			if text := page.Text(); !strings.Contains(text, "was not carried out") || !slices.Contains(buttons(page), button) {
				t.Errorf("two minutes later: buttons %q, the page says %s", buttons(page), text)
			}
			for by, said := range map[string]string{"group of operators": "was not carried out", "operating": "Your order was carried out"} {
				w.update(r.ID, func(r *request.Request) {
					r.Orders = request.Orders{Count: 1, Last: []request.DoneOrder{{
						Kind: kind, Mark: strings.Repeat("0", 32), By: people[by].Person, At: want.Given.Add(time.Second),
					}}}
				})
				_, page = w.page(response.Header.Get("Location"), "operating")
				if text := page.Text(); !strings.Contains(text, said) {
					t.Errorf("after an order of %s, the page says %s", by, text)
				}
			}
		})
	}
}

// TestOnlyMembersOfTheGroupOrder: the role opens the page, and orders nothing.
func TestOnlyMembersOfTheGroupOrder(t *testing.T) {
	tests := map[string]struct {
		who    string
		group  string
		status int // of an order
	}{
		"a member with the role":   {"operating", operatorsGroup, http.StatusSeeOther},
		"the role alone":           {"Operator", operatorsGroup, http.StatusForbidden},
		"an auditor":               {"Auditor", operatorsGroup, http.StatusForbidden},
		"the group alone":          {"group of operators", operatorsGroup, http.StatusForbidden},
		"a reviewer":               {"reviewer", operatorsGroup, http.StatusForbidden},
		"a guest":                  {"guest operator", operatorsGroup, http.StatusForbidden},
		"a reader of policy":       {"PolicyReader", operatorsGroup, http.StatusForbidden},
		"an app without operators": {"operating", "", http.StatusForbidden},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *Config) { c.Operators, c.Guests = test.group, true })
			r, gate := w.failing(), w.open(request.DirectoryForbidden)
			for path, form := range map[string]url.Values{
				orderPathOf(r.ID): orderForm(r, request.RetryOrder),
				operationPath:     {"seen": {gate.OpeningMark()}, "gone": {"yes"}},
			} {
				_, page := w.page(path, test.who)
				shown := slices.Contains(buttons(page), "Try again") || slices.Contains(buttons(page), "Close the circuit breaker")
				response, page := w.send(path, test.who, form)
				if response.StatusCode != test.status || shown != (test.status == http.StatusSeeOther) {
					t.Errorf("%s: %d, with a button: %t", path, response.StatusCode, shown)
				}
				if response.StatusCode == http.StatusForbidden && slices.Contains(buttons(page), "Try again") {
					t.Errorf("%s: the answer has a button", path)
				}
			}
			if sent := len(w.queue.Messages); (sent == 2) != (test.status == http.StatusSeeOther) || sent == 1 {
				t.Errorf("%d orders were sent", sent)
			}
		})
	}
}

// TestOrderIsThatOfTheSession: nothing in the form or the address says who orders, or what else.
func TestOrderIsThatOfTheSession(t *testing.T) {
	w := newWorld(t)
	r, other := w.failing(), w.failing()
	form := orderForm(r, request.RetryOrder)
	for _, name := range []string{"by", "By", "name", "id", "ID", "kind", "given", "version", "state", "groups", "terms", "operators", "authority"} {
		form.Set(name, string(other.ID))
	}
	response, _ := w.send(orderPathOf(r.ID)+"?order=resend&by=x&seen="+other.OrderMark(), "operating", form)
	got := w.ordered()
	if response.StatusCode != http.StatusSeeOther || len(got) != 1 {
		t.Fatalf("status %d, sent %+v", response.StatusCode, got)
	}
	want := request.Order{
		Kind: request.RetryOrder, ID: r.ID, Seen: r.OrderMark(), By: people["operating"].Person, Name: "olga@contoso.com", Given: w.now.Truncate(request.Tick),
	}
	if got[0] != want {
		t.Errorf("got %+v\nwant %+v", got[0], want)
	}
}

func TestOrderThatDoesNotFitIsNotSent(t *testing.T) {
	tests := map[string]struct {
		change func(*world, request.Request, url.Values)
		status int
	}{
		"it was retried meanwhile": {func(w *world, r request.Request, _ url.Values) {
			w.update(r.ID, func(r *request.Request) { r.State, r.Since = request.Granting, w.now })
		}, http.StatusConflict},
		"it failed once more": {func(w *world, r request.Request, _ url.Values) {
			w.update(r.ID, func(r *request.Request) { r.Since = w.now })
		}, http.StatusConflict},
		"it is withdrawn": {func(w *world, r request.Request, _ url.Values) {
			w.update(r.ID, func(r *request.Request) { r.Withdrawal = request.Instruction{At: w.now, By: request.ThePartner} })
		}, http.StatusConflict},
		"it is erased": {func(w *world, r request.Request, _ url.Values) {
			w.update(r.ID, func(r *request.Request) { r.Erased = w.now })
		}, http.StatusConflict},
		"the mark of another": {func(w *world, _ request.Request, form url.Values) {
			form.Set("seen", w.failing().OrderMark())
		}, http.StatusConflict},
		"no mark":         {func(_ *world, _ request.Request, form url.Values) { form.Del("seen") }, http.StatusConflict},
		"another order":   {func(_ *world, _ request.Request, form url.Values) { form.Set("order", "cancel") }, http.StatusBadRequest},
		"the breaker":     {func(_ *world, _ request.Request, form url.Values) { form.Set("order", "close-breaker") }, http.StatusBadRequest},
		"no order":        {func(_ *world, _ request.Request, form url.Values) { form.Del("order") }, http.StatusBadRequest},
		"two orders":      {func(_ *world, _ request.Request, form url.Values) { form.Add("order", "resend") }, http.StatusBadRequest},
		"it is forgotten": {func(w *world, r request.Request, _ url.Values) { w.store.Spoil(unreadable(r.ID)) }, http.StatusNotFound},
		"the queue is gone": {func(w *world, _ request.Request, _ url.Values) {
			w.queue.Err = errors.New("gone")
		}, http.StatusServiceUnavailable},
		"the table is gone": {func(w *world, _ request.Request, _ url.Values) {
			w.store.FailBefore = func(string) error { return problem.New(problem.StorageUnavailable, "gone") }
		}, http.StatusServiceUnavailable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := w.failing()
			form := orderForm(r, request.RetryOrder)
			test.change(w, r, form)
			response, page := w.send(orderPathOf(r.ID), "operating", form)
			if response.StatusCode != test.status || len(w.queue.Messages) != 0 {
				t.Errorf("status %d, sent %q", response.StatusCode, w.queue.Messages)
			}
			text := page.Text()
			if test.status == http.StatusConflict && !strings.Contains(text, "your order was not sent") ||
				name == "the queue is gone" && (!strings.Contains(text, "Nothing has been changed or sent") || !slices.Contains(buttons(page), "Try again")) {
				t.Errorf("the page says %s", text)
			}
		})
	}
}

func TestFormsWithOrdersOfOtherSitesAreRefused(t *testing.T) {
	w := newWorld(t)
	r, gate := w.failing(), w.open(request.DirectoryForbidden)
	cookie := w.signIn(people["operating"])
	for path, form := range map[string]url.Values{
		orderPathOf(r.ID): orderForm(r, request.RetryOrder), operationPath: {"seen": {gate.OpeningMark()}, "gone": {"yes"}},
	} {
		for name, header := range map[string][]string{
			"another site": {"Sec-Fetch-Site", "cross-site"}, "a neighbour": {"Sec-Fetch-Site", "same-site"},
			"an old browser elsewhere": {"Sec-Fetch-Site", "", "Origin", "https://evil.example"},
		} {
			response := w.do(http.MethodPost, path, cookie, form, header...)
			if response.StatusCode != http.StatusForbidden {
				t.Errorf("%s, %s: %d", path, name, response.StatusCode)
			}
		}
		if response := w.do(http.MethodPost, path, cookie, form, "Content-Type", "application/json"); response.StatusCode != http.StatusUnsupportedMediaType {
			t.Errorf("%s as JSON: %d", path, response.StatusCode)
		}
		if response := w.do(http.MethodPost, path, "", form); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s without a session: %d", path, response.StatusCode)
		}
	}
	if len(w.queue.Messages) != 0 {
		t.Errorf("sent %q", w.queue.Messages)
	}
}

func TestOrdersOfNoRequestAreNotThere(t *testing.T) {
	w := newWorld(t)
	r := w.failing()
	reference := string(r.ID.Reference())
	for _, path := range []string{
		ordersPath + "/", ordersPath + "/nonsense", ordersPath + "/" + string(r.ID), orderPathOf(r.ID) + "/more", ordersPath + "/" + reference[:13] + "2", ordersPath,
	} {
		response, _ := w.page(path, "operating")
		if response.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
	}
	response, _ := w.page(ordersPath+"/"+strings.ToLower(reference), "operating")
	if response.StatusCode != http.StatusOK {
		t.Errorf("a reference in small letters: %d", response.StatusCode)
	}
}

// TestOperatorsAreLedOnlyToWhatTheyCanOrder: those who may see the request go to its page, and from
// there to the orders.
func TestOperatorsAreLedOnlyToWhatTheyCanOrder(t *testing.T) {
	w := newWorld(t)
	failed, denied := w.failing(), w.decided(time.Hour, nil)
	for who, want := range map[string][2]string{
		"operating":          {orderPathOf(failed.ID), ""},
		"Operator":           {"", ""},
		"operating reviewer": {pathOf(failed.ID), pathOf(denied.ID)},
	} {
		_, list := w.page(historyPath, who)
		found := listed(list)
		if got := [2]string{found[string(failed.ID.Reference())], found[string(denied.ID.Reference())]}; got != want {
			t.Errorf("%s is led to %q, want %q", who, got, want)
		}
	}
	link := func(who string, r request.Request) bool {
		_, page := w.page(pathOf(r.ID), who)
		return slices.ContainsFunc(page.Elements, func(n *html.Node) bool { return pagetest.Attribute(n, "href") == orderPathOf(r.ID) })
	}
	if !link("operating reviewer", failed) || link("operating reviewer", denied) || link("reviewer", failed) || link("Auditor", failed) {
		t.Error("the page of a request leads the wrong people to orders, or the right ones nowhere")
	}
	_, page := w.page(orderPathOf(denied.ID), "operating")
	if text := page.Text(); !strings.Contains(text, "nothing to order") {
		t.Errorf("the page of a denied request says %s", text)
	}
	_, page = w.page(orderPathOf(failed.ID), "Operator")
	if text := page.Text(); !strings.Contains(text, "Only members of the group") {
		t.Errorf("an operator without the group is told %s", text)
	}
}

func TestOperatorsSeeWhatHasBecomeOfOrders(t *testing.T) {
	w := newWorld(t)
	r := w.failing()
	_, err := w.store.Save(t.Context(), r, []request.Event{
		{At: w.now, State: r.State, What: "order-refused", Detail: "an order to retry does not count: the account is disabled"},
		{At: w.now, State: r.State, What: "vote-refused", Detail: "something about votes"},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, page := w.page(orderPathOf(r.ID), "operating")
	if text := page.Text(); !strings.Contains(text, "the account is disabled") || strings.Contains(text, "about votes") {
		t.Errorf("the page says %s", text)
	}
}

func TestOperatorClosesBreaker(t *testing.T) {
	const button = "Close the circuit breaker"
	w := newWorld(t)
	gate := w.open(request.DirectoryForbidden)
	_, page := w.page(operationPath, "operating")
	if !slices.Contains(buttons(page), button) || !strings.Contains(page.Text(), request.CauseOf(gate.Cause).Cure) {
		t.Fatalf("buttons %q, the page says %s", buttons(page), page.Text())
	}
	form := url.Values{"seen": {gate.OpeningMark()}}
	response, page := w.send(operationPath, "operating", form)
	if response.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(page.Text(), "Confirm that the cause is gone") {
		t.Errorf("without a word on the cause: %d, %s", response.StatusCode, page.Text())
	}
	form.Set("gone", "yes")
	form.Set("order", "retry")
	response, _ = w.send(operationPath, "operating", form)
	want := request.Order{
		Kind: request.CloseOrder, Seen: gate.OpeningMark(), By: people["operating"].Person, Name: "olga@contoso.com", Given: w.now.Truncate(request.Tick),
	}
	if got := w.ordered(); response.StatusCode != http.StatusSeeOther || len(got) != 1 || got[0] != want {
		t.Fatalf("%d, sent %+v", response.StatusCode, got)
	}
	location := response.Header.Get("Location")
	_, page = w.page(location, "operating")
	if !strings.Contains(page.Text(), "does not count yet") || slices.Contains(buttons(page), button) {
		t.Errorf("buttons %q, the page says %s", buttons(page), page.Text())
	}
	_, _, err := request.CloseByOrder(t.Context(), w.store, want, w.now)
	if err != nil {
		t.Fatal(err)
	}
	_, page = w.page(location, "operating")
	if !strings.Contains(page.Text(), "was carried out") {
		t.Errorf("the page says %s", page.Text())
	}
	response, page = w.send(operationPath, "operating", form)
	if response.StatusCode != http.StatusConflict || !strings.Contains(page.Text(), "your order was not sent") || len(w.queue.Messages) != 1 {
		t.Errorf("once it is closed: %d, %s", response.StatusCode, page.Text())
	}
}

// TestNoOrderClosesWhatOnlyTheCommandMay: a person's stop, and a cause for which trying hurts.
func TestNoOrderClosesWhatOnlyTheCommandMay(t *testing.T) {
	for name, gate := range map[string]request.Gate{
		"a cause for which trying hurts": {Cause: request.DirectorySuspicious, OpenedAt: pagetest.Morning},
		"a person's stop":                {Stop: request.Stop{By: "ada", Reason: "an incident", At: pagetest.Morning}},
		"both": {Cause: request.DirectoryForbidden, OpenedAt: pagetest.Morning,
			Stop: request.Stop{By: "ada", Reason: "an incident", At: pagetest.Morning}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			gate, err := w.store.SaveGate(t.Context(), gate)
			if err != nil {
				t.Fatal(err)
			}
			_, page := w.page(operationPath, "operating")
			if slices.Contains(buttons(page), "Close the circuit breaker") || !strings.Contains(page.Text(), "only by guestlist breaker close") {
				t.Errorf("buttons %q, the page says %s", buttons(page), page.Text())
			}
			response, _ := w.send(operationPath, "operating", url.Values{"seen": {gate.OpeningMark()}, "gone": {"yes"}})
			if response.StatusCode != http.StatusConflict || len(w.queue.Messages) != 0 {
				t.Errorf("%d, sent %q", response.StatusCode, w.queue.Messages)
			}
		})
	}
}

func TestPagesOfOrdersCostLittle(t *testing.T) {
	w := newWorld(t)
	r := w.failing()
	for range 30 {
		w.failing()
	}
	calls := 0
	w.store.FailBefore = func(string) error { calls++; return nil }
	w.page(orderPathOf(r.ID), "operating")
	if calls > 3 {
		t.Errorf("the page costs %d calls", calls)
	}
	calls = 0
	w.send(orderPathOf(r.ID), "operating", orderForm(r, request.RetryOrder))
	if calls > 2 {
		t.Errorf("an order costs %d calls", calls)
	}
}
