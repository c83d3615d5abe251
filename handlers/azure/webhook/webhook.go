package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"guestlist/handlers/azure/internal/posting"
	"guestlist/handlers/request"
)

// Name is the name of the channel.
const Name = "webhook"

const (
	keyPrefix      = "whsec_"
	minKey, maxKey = 24, 64 // bytes
	maxKeys        = 5      // more than the two that a change needs
)

// Config configures a [Channel].
type Config struct {
	// URL is where notices go.
	URL string
	// Keys sign every notice, each for itself, so that a receiver can change from one to the next:
	// whsec_ and the base64 of 24 to 64 random bytes. At least one, at most five.
	Keys []string
	// StandIn says that URL is http on a loopback address.
	StandIn bool
	// Timeout is how long an attempt may take. Default 15 s.
	Timeout time.Duration
	// Log gets one line for each answer. Default: none.
	Log *slog.Logger
	// Now is the clock for the timestamp, and for a Retry-After with a date. Default time.Now.
	Now func() time.Time
}

// A Channel sends webhooks. It may be used by several goroutines at once.
type Channel struct {
	poster *posting.Poster
	keys   [][]byte
}

var _ request.Channel = (*Channel)(nil)

// New returns a channel, or an error that says what is wrong with config and repeats none of it. It
// makes no call.
func New(config Config) (*Channel, error) {
	err := CheckURL(config.URL, config.StandIn)
	if err != nil {
		return nil, fmt.Errorf("webhook: the address %w", err)
	}
	keys, err := readKeys(config.Keys)
	if err != nil {
		return nil, fmt.Errorf("webhook: the setting of keys %w", err)
	}
	u, err := url.Parse(config.URL)
	if err != nil {
		return nil, errNoURL
	}
	poster, err := posting.New(posting.Config{
		Channel: Name, URL: u, Guard: posting.Guard{StandIn: config.StandIn},
		Taken: func(posting.Answer) bool { return true }, Advice: advice,
		Timeout: config.Timeout, Log: config.Log, Now: config.Now,
	})
	if err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	return &Channel{poster, keys}, nil
}

var errNoURL = errors.New("is not an address")

// CheckURL returns what is wrong with the address of a webhook, without repeating any of it.
func CheckURL(text string, standIn bool) error {
	u, err := url.Parse(text)
	if err != nil {
		return errNoURL
	}
	return posting.CheckURL(u, standIn)
}

// CheckKeys returns what is wrong with the keys, without repeating any of them.
func CheckKeys(keys []string) error {
	_, err := readKeys(keys)
	return err
}

func readKeys(texts []string) ([][]byte, error) {
	const form = "must be whsec_ and the base64 of 24 to 64 random bytes, " +
		"as printf 'whsec_%s\\n' \"$(openssl rand -base64 32)\" makes it"
	if len(texts) == 0 {
		return nil, errors.New("is not set; it " + form)
	}
	if len(texts) > maxKeys {
		return nil, fmt.Errorf("has %d keys, and %d are the most; two are enough for a change", len(texts), maxKeys)
	}
	var keys [][]byte
	for i, text := range texts {
		encoded, prefixed := strings.CutPrefix(text, keyPrefix)
		key, err := base64.StdEncoding.DecodeString(encoded)
		if !prefixed || err != nil || len(key) < minKey || len(key) > maxKey {
			return nil, fmt.Errorf("has a key, number %d, which %s", i+1, form)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// advice says what an admin can do about an answer.
func advice(a posting.Answer) string {
	switch a.Status {
	case http.StatusGone:
		return "the receiver wants no more of them"
	case http.StatusUnauthorized, http.StatusForbidden:
		return "does the receiver have the same key, and does its clock go right?"
	}
	return "is the address that of the receiver?"
}

// Name implements [request.Channel].
func (*Channel) Name() string { return Name }

// Recognizes implements [request.Channel]: the id of a webhook is that of its notice, and receivers
// are to know it again.
func (*Channel) Recognizes() bool { return true }

// payload is the body of a webhook.
type payload struct {
	Type      string       `json:"type"`
	Timestamp time.Time    `json:"timestamp"`
	Data      posting.Data `json:"data"`
}

// SendNotice implements [request.Channel].
func (c *Channel) SendNotice(ctx context.Context, notice request.Notice) error {
	err := c.poster.Check(notice)
	if err != nil {
		return err
	}
	body, err := json.Marshal(payload{Type: posting.Type(notice.Kind), Timestamp: notice.At.UTC(), Data: posting.NewData(notice)})
	if err != nil {
		return c.poster.Refuse("it can't be encoded")
	}
	at := strconv.FormatInt(c.poster.Now().Unix(), 10)
	return c.poster.Post(ctx, notice.ID, http.Header{
		"Content-Type":      {"application/json"},
		"Webhook-Id":        {string(notice.ID)},
		"Webhook-Timestamp": {at},
		"Webhook-Signature": {c.sign(notice.ID, at, body)},
	}, body)
}

// sign returns a signature for each key, separated by spaces.
func (c *Channel) sign(id request.NoticeID, at string, body []byte) string {
	var all []string
	for _, key := range c.keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(string(id) + "." + at + "."))
		mac.Write(body)
		all = append(all, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(all, " ")
}
