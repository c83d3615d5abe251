package tables

import (
	"context"
	"encoding/json"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/problem"
)

// AppReport is what the app says about itself, for whoever looks from the outside: nobody else sees its token and its settings. It holds no secret.
type AppReport struct {
	// At is when it was said; the zero time if the app never has.
	At time.Time
	// Roles are the permissions in the app's token for the directory. Nil means that there is no token, or none that can be read; Why says why.
	Roles []string
	Why   string
	// How fast invitations may be sent, and for how long personal data is kept; see settings.Settings.
	Daily     int
	Spacing   time.Duration
	Retention time.Duration
}

const (
	reportName = "app"

	rolesColumn     = "Roles" // JSON
	dailyColumn     = "Daily"
	spacingColumn   = "Spacing" // as a duration of Go, as the next
	retentionColumn = "Retention"
)

// SaveReport replaces what the app last said about itself.
func (s *Store) SaveReport(ctx context.Context, report AppReport) error {
	const doing = "saving what the app says about itself"
	r := row{partition: gatePartition, name: reportName, columns: map[string]any{}}
	r.set(atColumn, toTick(report.At))
	r.set(whyColumn, report.Why)
	r.set(dailyColumn, int32(report.Daily))
	r.set(spacingColumn, report.Spacing.String())
	r.set(retentionColumn, report.Retention.String())
	if report.Roles != nil {
		text, err := json.Marshal(report.Roles)
		if err != nil {
			return problem.New(problem.Internal, "%s: encoding failed (%T)", doing, err)
		}
		r.set(rolesColumn, string(text))
	}
	encoded, err := r.encode()
	if err != nil {
		return failure(doing, err)
	}
	_, err = s.tenant.UpsertEntity(ctx, encoded, &aztables.UpsertEntityOptions{UpdateMode: aztables.UpdateModeReplace})
	if err != nil {
		return failure(doing, err)
	}
	return nil
}

// Report returns what the app last said about itself, the zero AppReport if it never has.
func (s *Store) Report(ctx context.Context) (AppReport, error) {
	const doing = "reading what the app says about itself"
	stored, err := get(ctx, s.tenant, gatePartition, reportName)
	if hasCode(err, aztables.ResourceNotFound) {
		return AppReport{}, nil
	}
	if err != nil {
		return AppReport{}, failure(doing, err)
	}
	columns := reader{row: stored}
	report := AppReport{At: columns.time(atColumn), Why: columns.text(whyColumn), Daily: columns.count(dailyColumn)}
	for column, d := range map[string]*time.Duration{spacingColumn: &report.Spacing, retentionColumn: &report.Retention} {
		*d, err = time.ParseDuration(columns.text(column))
		if err != nil {
			columns.fail(column, "no duration")
		}
	}
	text := columns.text(rolesColumn)
	if text != "" {
		err = json.Unmarshal([]byte(text), &report.Roles)
		if err != nil {
			columns.fail(rolesColumn, "no list")
		}
	}
	if columns.err != nil {
		return AppReport{}, failure(doing, columns.err)
	}
	return report, nil
}

// TableCheck is whether one table can be read.
type TableCheck struct {
	Table string
	// Missing says that there is no such table. Err is set then too.
	Missing bool
	Err     error // nil if it can be read
}

// CheckTables reads a row of each table, and says which can be read.
func (s *Store) CheckTables(ctx context.Context) []TableCheck {
	var checks []TableCheck
	for _, table := range []struct {
		name   string
		client *aztables.Client
	}{
		{requestsTable, s.requests}, {guestsTable, s.guests}, {waitingTable, s.waiting}, {seatsTable, s.seats},
		{tenantTable, s.tenant}, {poisonTable, s.poison}, {policiesTable, s.policies},
	} {
		one := int32(1)
		_, err := table.client.NewListEntitiesPager(&aztables.ListEntitiesOptions{Top: &one}).NextPage(ctx)
		check := TableCheck{Table: table.name}
		if err != nil {
			check.Missing = hasCode(err, aztables.TableNotFound) || hasCode(err, aztables.ResourceNotFound)
			check.Err = failure("reading the table "+table.name, err)
		}
		checks = append(checks, check)
	}
	return checks
}
