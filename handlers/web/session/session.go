package session

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Lifetime is how long a session lasts. After that the provider is asked again, which asks the
// person for nothing as long as its own session lasts.
const Lifetime = time.Hour

// MaxGroups is how many groups a session can hold.
const MaxGroups = 4096

// MaxName is how many bytes a name can have.
const MaxName = 256

// Role is an app role of the registration that people sign in to. No role includes another.
type Role string

// The roles. Sponsors and the approvers of a policy row need none.
const (
	Reviewer     Role = "Reviewer"     // decides any request
	Operator     Role = "Operator"     // tries again what failed
	PolicyReader Role = "PolicyReader" // sees policy rows and what they decide
	Auditor      Role = "Auditor"      // sees everything, decides nothing
)

// Roles returns every role.
func Roles() []Role { return []Role{Reviewer, Operator, PolicyReader, Auditor} }

// A Session is a person who is signed in. It says what the directory said at sign-in, up to
// [Lifetime] ago. What is decided by it must be checked again when it is applied.
type Session struct {
	Person string // object id, a GUID in lower case
	Name   string // the sign-in name, else the display name; for people to read, never for authority
	Guest  bool   // a guest of the tenant, or it is not known
	Roles  []Role
	// Groups are the object ids of all groups that the person is in, directly or by other groups,
	// as GUIDs in lower case.
	Groups []string
	// GroupsKnown says that the groups could be read. Without it there are none.
	GroupsKnown bool
	Until       time.Time // from then on the session has ended
}

// Has reports whether the person has the role.
func (s Session) Has(role Role) bool { return slices.Contains(s.Roles, role) }

// In reports whether the person is known to be in the group, a GUID of any case.
func (s Session) In(group string) bool {
	return s.GroupsKnown && slices.Contains(s.Groups, strings.ToLower(group))
}

// ID is what a browser knows its session by: 256 random bits. It is a secret of the browser's and
// must not be stored or logged.
type ID [32]byte

// Key is the SHA-256 of an [ID].
type Key [sha256.Size]byte

// NewID returns a new id.
func NewID(random io.Reader) (ID, error) {
	var id ID
	_, err := io.ReadFull(random, id[:])
	if err != nil {
		return ID{}, fmt.Errorf("making the id of a session: %w", err)
	}
	return id, nil
}

// encoding has one spelling for each value.
var encoding = base64.RawURLEncoding.Strict()

// Text returns the id for a cookie: 43 letters, digits, "-" and "_".
func (id ID) Text() string { return encoding.EncodeToString(id[:]) }

// ParseID reads what Text has returned.
func ParseID(text string) (id ID, valid bool) {
	if len(text) != encoding.EncodedLen(len(id)) {
		return ID{}, false
	}
	// The decoder skips line ends, so the text could be shorter than its length says.
	n, err := encoding.Decode(id[:], []byte(text))
	if err != nil || n != len(id) {
		return ID{}, false
	}
	return id, true
}

// Key returns the key by which the session is stored.
func (id ID) Key() Key { return sha256.Sum256(id[:]) }

// A Store keeps sessions. It is safe for concurrent use. Its errors are problem.Error:
// StorageUnavailable where nothing else is said.
type Store interface {
	// SaveSession stores the session under the key. Saving the same once more changes nothing. A
	// session that can't be stored whole is problem.Internal: without a person or an end, with an
	// id that is no GUID, or with more than MaxGroups groups.
	SaveSession(ctx context.Context, key Key, s Session) error
	// Session returns the session of the key, also one that has ended by its time.
	// problem.NotFound: there is none. problem.RecordUnreadable: it can't be read.
	Session(ctx context.Context, key Key) (Session, error)
	// EndSession removes the session of the key, if there is one.
	EndSession(ctx context.Context, key Key) error
	// ForgetSessions removes sessions that have ended before the time, at most limit. It begins
	// where from says, "" for the beginning, and returns where to go on, "" after the last session.
	// The work of one call is bounded, whatever the store holds.
	ForgetSessions(ctx context.Context, before time.Time, from string, limit int) (next string, err error)
}
