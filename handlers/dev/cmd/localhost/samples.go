package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue/v2/queueerror"

	"guestlist/handlers/azure/tables"
	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/dev/signinsim"
	"guestlist/handlers/policy"
	"guestlist/handlers/request"
	"guestlist/handlers/submission"
)

// The objects that the sample rows name. The stand-in's tenant knows any group.
const (
	projectGroup  = "11111111-1111-4111-8111-111111111111"
	supplierGroup = "22222222-2222-4222-8222-222222222222"
	hostPerson    = "99999999-9999-4999-8999-999999999999"
)

// namedGroups are the groups of the tenant that have names of their own, as the review pages show
// them.
func namedGroups() []graphsim.Group {
	return []graphsim.Group{
		{ID: projectGroup, DisplayName: "Project Tulip"},
		{ID: supplierGroup, DisplayName: "Suppliers"},
		{ID: signinsim.SecondApproversGroup, DisplayName: "Second approvers"},
	}
}

// host is the sponsor in a sample row.
func host() graphsim.User {
	return graphsim.User{
		ID: hostPerson, DisplayName: "Hanna Host", UserPrincipalName: "hanna@standin.example", UserType: "Member",
		Mail: "hanna@standin.contoso.com",
	}
}

// samples are the policy rows of a new local run: one of each kind.
func samples() []policy.Raw {
	return []policy.Raw{
		{Partition: "contoso.com", Name: "trusted", Columns: map[string]any{
			"Action": "invite", "Groups": projectGroup + ", " + supplierGroup, "Sponsors": hostPerson,
			"RedirectUrl": "https://myapplications.microsoft.com", "MessageLanguage": "en-GB",
			"Note": "The project with Contoso: both groups, at once.",
		}},
		{Partition: "fabrikam.com", Name: "suppliers", Columns: map[string]any{
			"Action": "invite", "Groups": supplierGroup,
			"Note": "Suppliers. A second row of the domain could narrow it by Priority, NotBefore and NotAfter.",
		}},
		{Partition: "*.fabrikam.com", Name: "subsidiaries", Columns: map[string]any{
			"Action": "review", "Note": "A person reviews everybody from a domain below fabrikam.com.",
		}},
		{Partition: "northwind.com", Name: "two people", Columns: map[string]any{
			"Action": "review", "Groups": projectGroup, "Sponsors": signinsim.SponsorID, "SponsorsDecide": "true",
			"SecondApprovers": signinsim.SecondApproversGroup, "DecideWithin": "14",
			"Note": "The sponsor decides, and after that somebody of a group.",
		}},
		{Partition: "mallory@contoso.com", Name: "left", Columns: map[string]any{
			"Action": "deny", "Note": "An address is looked up before its domain.",
		}},
		{Partition: "*", Name: "everybody else", Columns: map[string]any{
			"Action": "review", "Note": "Everybody without another row.",
		}},
	}
}

// prepareStorage makes the tables and the queues that a deployment makes, and writes the sample
// rows on the first run only: marker is a file that remembers it. Later changes to the rows are
// kept.
func prepareStorage(ctx context.Context, connection, marker string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	store, err := tables.New(tables.Config{ConnectionString: connection})
	if err != nil {
		return err
	}
	err = store.Create(ctx)
	if err != nil {
		return err
	}
	for _, name := range []string{submission.Queue, request.DecisionsQueue} {
		queue, err := azqueue.NewQueueClientFromConnectionString(connection, name, nil)
		if err != nil {
			return fmt.Errorf("making the queue %s: %w", name, err)
		}
		_, err = queue.Create(ctx, nil)
		if err != nil && !queueerror.HasCode(err, queueerror.QueueAlreadyExists) {
			return fmt.Errorf("making the queue %s: %w", name, err)
		}
	}
	_, err = os.Stat(marker)
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, row := range samples() {
		err = store.PutRow(ctx, row)
		if err != nil {
			return err
		}
	}
	return os.WriteFile(marker, nil, 0o644)
}
