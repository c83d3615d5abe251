package tables

import (
	"context"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/request"
)

// AppReport is what the app reports about itself: its token and its settings can't be seen from
// outside. It holds no secret.
type AppReport struct {
	// At is when it was saved; the zero time if it never was.
	At time.Time
	// Roles are the permissions in the app's token for the directory. Nil means that there is no
	// token, or none that can be read; Why says why.
	Roles []string
	Why   string
	// How fast invitations may be sent, and for how long personal data is kept; see
	// settings.Settings.
	Daily     int
	Spacing   time.Duration
	Retention time.Duration
	// Mail is what sends the app's own mails, and MailSender the address that they come from; see
	// settings.Settings. Mail is empty in a report of a version that sent none.
	Mail       string
	MailSender string
	// MailProbe is what the mail service said when it was asked whether the app may send:
	// MailAccepted, or a code of package request, with MailWhy as its text. It is empty for a
	// service that can't be asked.
	MailProbe string
	MailWhy   string
	// MailPerMinute and MailPerHour are the most mails of its own, 0 if it sends none.
	MailPerMinute, MailPerHour int
	// Proof says whether the app asks for a proof of the mailbox by default: settings.CodeProof or
	// settings.NoProof. ProofDays is how many days a proof counts. Proof is empty in a report of a
	// version that knew none.
	Proof     string
	ProofDays int
	// Reviewers is the object id of the group whose members decide any request, or NoReviewers. It
	// is empty in a report of a version that did not say.
	Reviewers string
	// Operators is likewise the group whose members give orders, or NoOperators.
	Operators string
	// Channels are the names of the channels that get notices. Nil in a report of a version that
	// did not say.
	Channels []string
}

// NoReviewers in a report says that the app has no group of reviewers.
const NoReviewers = "none"

// NoOperators in a report says that nobody gives orders.
const NoOperators = "none"

// MailAccepted in a report says that the mail service takes mails from the app.
const MailAccepted = "accepted"

// The columns with lists, in JSON.
const rolesColumn, channelsColumn = "Roles", "Channels"

// reportFields returns the columns of a report, but for lists.
func reportFields(report *AppReport) []field {
	return []field{
		{atColumn, &report.At},
		{whyColumn, &report.Why},
		{"Daily", &report.Daily},
		{"Spacing", &report.Spacing},
		{"Retention", &report.Retention},
		{"Mail", &report.Mail},
		{"MailSender", &report.MailSender},
		{"MailProbe", &report.MailProbe},
		{"MailWhy", &report.MailWhy},
		{"MailPerMinute", (*optional)(&report.MailPerMinute)},
		{"MailPerHour", (*optional)(&report.MailPerHour)},
		{"Proof", &report.Proof},
		{"ProofDays", (*optional)(&report.ProofDays)},
		{"Reviewers", &report.Reviewers},
		{"Operators", &report.Operators},
	}
}

// SaveReport replaces the app's report.
func (s *Store) SaveReport(ctx context.Context, report AppReport) error {
	const doing = "saving the app's report"
	r := newRow(tenantPartition, reportName, reportFields(&report))
	for column, list := range map[string][]string{rolesColumn: report.Roles, channelsColumn: report.Channels} {
		if list == nil {
			continue
		}
		err := r.setJSON(column, list)
		if err != nil {
			return failure(doing, err)
		}
	}
	return put(ctx, doing, s.tenant, r)
}

// Report returns the app's last report, the zero AppReport if it never saved one, or one that can't
// be read: the next replaces it.
func (s *Store) Report(ctx context.Context) (AppReport, error) {
	const doing = "reading the app's report"
	stored, err := get(ctx, s.tenant, tenantPartition, reportName)
	if hasCode(err, aztables.ResourceNotFound) {
		return AppReport{}, nil
	}
	if err != nil {
		return AppReport{}, failure(doing, err)
	}
	var report AppReport
	columns := reader{row: stored}
	columns.read(reportFields(&report))
	columns.json(rolesColumn, &report.Roles, "a list")
	columns.json(channelsColumn, &report.Channels, "a list")
	if columns.err != nil {
		return AppReport{}, nil
	}
	return report, nil
}

// Pace returns how fast the app says that it sends invitations; false if it has not said so.
func (s *Store) Pace(ctx context.Context) (pace request.Pace, known bool, err error) {
	report, err := s.Report(ctx)
	return request.Pace{Daily: report.Daily, Spacing: report.Spacing}, err == nil && !report.At.IsZero(), err
}

// TableCheck says whether one table can be read.
type TableCheck struct {
	Table string
	// Missing says that there is no such table. Err is set then too.
	Missing bool
	Err     error // nil if it can be read
}

// CheckTables reads a row of each table but Sessions, which no person may read, and says which
// tables can be read.
func (s *Store) CheckTables(ctx context.Context) []TableCheck {
	var checks []TableCheck
	for _, name := range Names() {
		if name == sessionsTable {
			continue
		}
		one := int32(1)
		_, err := s.table(name).NewListEntitiesPager(&aztables.ListEntitiesOptions{Top: &one}).NextPage(ctx)
		check := TableCheck{Table: name}
		if err != nil {
			check.Missing = hasCode(err, aztables.TableNotFound) || hasCode(err, aztables.ResourceNotFound)
			check.Err = failure("reading the table "+name, err)
		}
		checks = append(checks, check)
	}
	return checks
}
