package noticesim

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// The paths of the receivers, and of the page that shows what they got.
const (
	NoticesPath   = "/stand-in/notices"
	TeamsPath     = NoticesPath + "/teams"
	WebhookPath   = NoticesPath + "/webhook"
	EventGridPath = "/api/events"
)

// The names of the channels.
const (
	Teams     = "teams"
	Webhook   = "webhook"
	EventGrid = "eventgrid"
)

// WebhookKey is the key that signs webhooks for the stand-in. It protects nothing.
const WebhookKey = "whsec_c3RhbmQtaW4ta2V5LXRoYXQtcHJvdGVjdHMtbm90aGluZw=="

const (
	maxBody  = 1 << 20
	maxCard  = 28 << 10 // what Teams documents
	maxKept  = 500
	tooOld   = 5 * time.Minute
	ofEvents = "application/cloudevents+json"
)

// A Notice is what has come to a receiver.
type Notice struct {
	Channel string          `json:"channel"`
	At      time.Time       `json:"at"`
	ID      string          `json:"id,omitempty"` // that of a webhook or an event
	Again   bool            `json:"again"`        // the receiver has had this id
	Text    string          `json:"text"`         // the sentence of a card, the type of the others
	Facts   []Fact          `json:"facts"`
	Link    string          `json:"link"`
	Body    json.RawMessage `json:"body"`
}

// A Fact is a line of a notice.
type Fact struct {
	Title string `json:"title"`
	Value string `json:"value"`
}

// A Fault is an answer to the next notice of a channel in place of taking it.
type Fault struct {
	Channel    string `json:"channel"`
	Status     int    `json:"status"`
	RetryAfter int    `json:"retryAfter,omitempty"` // seconds
	Code       string `json:"code,omitempty"`       // of an error in the form of Azure's services
}

// Server is the stand-in.
type Server struct {
	now func() time.Time
	mux *http.ServeMux

	mu      sync.Mutex
	notices []Notice
	faults  []Fault
}

// New returns a Server.
func New(now func() time.Time) *Server {
	s := &Server{now: now, mux: http.NewServeMux()}
	s.mux.HandleFunc("POST "+TeamsPath, s.receiver(Teams, http.StatusAccepted, s.readCard))
	s.mux.HandleFunc("POST "+WebhookPath, s.receiver(Webhook, http.StatusNoContent, s.readWebhook))
	s.mux.HandleFunc("POST "+EventGridPath, s.receiver(EventGrid, http.StatusOK, s.readEvent))
	s.addPages()
	return s
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Notices returns what was taken, oldest first.
func (s *Server) Notices() []Notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.notices)
}

// Order makes the next notice of the fault's channel fail.
func (s *Server) Order(fault Fault) error {
	if !slices.Contains([]string{Teams, Webhook, EventGrid}, fault.Channel) || fault.Status < 200 || fault.Status > 599 {
		return fmt.Errorf("a fault has a channel, %s, %s or %s, and a status from 200 to 599", Teams, Webhook, EventGrid)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fault)
	return nil
}

// takeFault returns the fault that was ordered for the channel, if there is one.
func (s *Server) takeFault(channel string) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.faults, func(f Fault) bool { return f.Channel == channel })
	if i < 0 {
		return Fault{}, false
	}
	fault := s.faults[i]
	s.faults = slices.Delete(s.faults, i, i+1)
	return fault, true
}

// A refusal is why a receiver does not take a request.
type refusal struct {
	status int
	code   string
	says   string
}

// receiver returns what serves a channel.
func (s *Server) receiver(channel string, status int, read func(*http.Request, []byte) (Notice, *refusal)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			refuse(w, &refusal{http.StatusRequestEntityTooLarge, "RequestTooLarge", "the body can't be read"})
			return
		}
		fault, ordered := s.takeFault(channel)
		if ordered {
			if fault.RetryAfter > 0 {
				w.Header().Set("Retry-After", strconv.Itoa(fault.RetryAfter))
			}
			refuse(w, &refusal{fault.Status, fault.Code, "this was ordered"})
			return
		}
		notice, no := read(r, body)
		if no != nil {
			refuse(w, no)
			return
		}
		notice.Channel, notice.At, notice.Body = channel, s.now(), body
		s.keep(notice)
		w.WriteHeader(status)
	}
}

func (s *Server) keep(n Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n.Again = n.ID != "" && slices.ContainsFunc(s.notices, func(other Notice) bool { return other.Channel == n.Channel && other.ID == n.ID })
	s.notices = append(s.notices, n)
	if len(s.notices) > maxKept {
		s.notices = slices.Delete(s.notices, 0, len(s.notices)-maxKept)
	}
}

func refuse(w http.ResponseWriter, no *refusal) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(no.status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"code": no.code, "message": no.says}})
}

func isType(r *http.Request, want string) bool {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && media == want
}

// readCard reads a message for Teams.
func (s *Server) readCard(r *http.Request, body []byte) (Notice, *refusal) {
	no := func(says string) (Notice, *refusal) {
		return Notice{}, &refusal{http.StatusBadRequest, "TriggerInputSchemaMismatch", says}
	}
	var m struct {
		Type        string
		Attachments []struct {
			ContentType string
			Content     struct {
				Type, Version string
				Body          []struct {
					Type, Text string
					Facts      []Fact
				}
				Actions []struct{ Type, Title, URL string }
			}
		}
	}
	if !isType(r, "application/json") || json.Unmarshal(body, &m) != nil || len(body) > maxCard {
		return no("the body is no JSON of at most 28 KB")
	}
	if m.Type != "message" || len(m.Attachments) != 1 || m.Attachments[0].ContentType != "application/vnd.microsoft.card.adaptive" {
		return no("the body is not a message with one card")
	}
	card := m.Attachments[0].Content
	if card.Type != "AdaptiveCard" || card.Version == "" || card.Version > "1.5" || len(card.Body) == 0 {
		return no("the card is not an Adaptive Card that Teams shows")
	}
	var n Notice
	for _, element := range card.Body {
		switch element.Type {
		case "TextBlock":
			n.Text += element.Text
		case "FactSet":
			n.Facts = append(n.Facts, element.Facts...)
		default:
			return no("an element that is not shown by every client")
		}
	}
	for _, action := range card.Actions {
		if action.Type != "Action.OpenUrl" || action.Title == "" || action.URL == "" {
			return no("an action that needs a bot")
		}
		n.Link = action.URL
	}
	return n, nil
}

// data is what a webhook and an event say of a notice.
type data struct {
	Number   string
	Row      struct{ Partition, Name string }
	Stage    int
	Stages   int
	Deadline string
	Link     string
}

// facts returns what the data says, as lines.
func (d data) facts() []Fact {
	var all []Fact
	add := func(title, value string) {
		if value != "" && value != "0" {
			all = append(all, Fact{title, value})
		}
	}
	add("number", d.Number)
	add("row", d.Row.Name)
	add("of", d.Row.Partition)
	add("stage", strconv.Itoa(d.Stage))
	add("stages", strconv.Itoa(d.Stages))
	add("deadline", d.Deadline)
	return all
}

// readWebhook reads and checks a webhook.
func (s *Server) readWebhook(r *http.Request, body []byte) (Notice, *refusal) {
	unsigned := &refusal{http.StatusUnauthorized, "", "the signature is wrong, or too old"}
	verifier, err := standardwebhooks.NewWebhook(WebhookKey)
	if err != nil || verifier.VerifyIgnoringTimestamp(body, r.Header) != nil {
		return Notice{}, unsigned
	}
	// By the clock of the stand-in, which the library does not take.
	seconds, err := strconv.ParseInt(r.Header.Get("webhook-timestamp"), 10, 64)
	if err != nil || s.now().Sub(time.Unix(seconds, 0)).Abs() > tooOld {
		return Notice{}, unsigned
	}
	var p struct {
		Type      string
		Timestamp time.Time
		Data      data
	}
	err = json.Unmarshal(body, &p)
	if err != nil || !isType(r, "application/json") || p.Type == "" || p.Timestamp.IsZero() {
		return Notice{}, &refusal{http.StatusBadRequest, "", "the body is not that of a webhook"}
	}
	return Notice{ID: r.Header.Get("webhook-id"), Text: p.Type, Facts: p.Data.facts(), Link: p.Data.Link}, nil
}

// readEvent reads and checks an event.
func (s *Server) readEvent(r *http.Request, body []byte) (Notice, *refusal) {
	no := &refusal{http.StatusBadRequest, "BadRequest", "the body is not an event of CloudEvents 1.0 in JSON"}
	if !isType(r, ofEvents) || r.URL.Query().Get("api-version") != "2018-01-01" {
		return Notice{}, no
	}
	var e cloudevents.Event
	var d data
	err := json.Unmarshal(body, &e)
	if err == nil {
		err = e.Validate()
	}
	if err == nil {
		err = e.DataAs(&d)
	}
	if err != nil || e.SpecVersion() != "1.0" {
		return Notice{}, no
	}
	return Notice{ID: e.ID(), Text: e.Type(), Facts: d.facts(), Link: d.Link}, nil
}
