package lint

import "context"

// Directory is what is asked for groups and sponsors. It may be called by several goroutines at once. Its errors are *problem.Error:
// NotFound where nothing of that id exists, DirectoryForbidden where it may not be read, anything else where it could not be asked now.
type Directory interface {
	Group(ctx context.Context, id string) (Group, error)
	Principal(ctx context.Context, id string) (Principal, error)
}

// Group is a group of the directory as far as it matters for guests.
type Group struct {
	ID, DisplayName string
	SecurityEnabled bool
	MailEnabled     bool
	Dynamic         bool // a rule chooses the members
	RoleAssignable  bool // it can hold roles of the directory
	OnPremises      bool // it is mastered on-premises
	Unified         bool // a Microsoft 365 group
}

// Principal is who may be a sponsor.
type Principal struct {
	ID, DisplayName string
	Kind            string // "user", "group" or "other"
	Enabled         bool   // of a user: may sign in
	Guest           bool   // of a user: is one
}

// checkDirectory asks for every group and sponsor once.
func (k *checker) checkDirectory(context.Context, Directory, func(done, total int)) error { return nil }
