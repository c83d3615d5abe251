package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue/v2/queueerror"

	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

// queues returns the queue service of the same account as the tables.
func (p place) queues() (*azqueue.ServiceClient, error) {
	options := &azqueue.ClientOptions{ClientOptions: azcore.ClientOptions{Retry: azpolicy.RetryOptions{MaxRetries: 2, TryTimeout: tryTimeout}}}
	if p.config.ConnectionString != "" {
		service, err := azqueue.NewServiceClientFromConnectionString(p.config.ConnectionString, options)
		if err != nil {
			return nil, fmt.Errorf("the local run's connection string names no queue service")
		}
		return service, nil
	}
	service, err := azqueue.NewServiceClient(queueAddress(p.config.ServiceURL), p.config.Credential, options)
	if err != nil {
		return nil, fmt.Errorf("setting up the queue service's client: %w", err)
	}
	return service, nil
}

// queueAddress returns the address of the account's queue service: one word differs in any cloud.
func queueAddress(tables string) string { return strings.Replace(tables, ".table.", ".queue.", 1) }

// enqueue puts a message on the queue of sign-ups, as the host does.
func enqueue(ctx context.Context, service *azqueue.ServiceClient, body []byte) error {
	_, err := service.NewQueueClient(submission.Queue).EnqueueMessage(ctx, base64.StdEncoding.EncodeToString(body), nil)
	if queueerror.HasCode(err, queueerror.QueueNotFound) {
		return problem.New(problem.StorageUnavailable, "there is no queue %q; the app creates it with the first sign-up", submission.Queue)
	}
	if err != nil {
		return problem.New(problem.StorageUnavailable, "putting a message on the queue %q: %s", submission.Queue, queueFault(err))
	}
	return nil
}

// queueLength returns roughly how many messages are on a queue, and whether it exists.
func queueLength(ctx context.Context, service *azqueue.ServiceClient, name string) (n int, exists bool, err error) {
	properties, err := service.NewQueueClient(name).GetProperties(ctx, nil)
	switch {
	case queueerror.HasCode(err, queueerror.QueueNotFound):
		return 0, false, nil
	case err != nil:
		return 0, false, problem.New(problem.StorageUnavailable, "looking at the queue %q: %s", name, queueFault(err))
	case properties.ApproximateMessagesCount == nil:
		return 0, true, nil
	}
	return int(*properties.ApproximateMessagesCount), true, nil
}

// queueFault describes an error without the SDK's text, which quotes whole answers and URLs.
func queueFault(err error) string {
	for _, code := range []queueerror.Code{
		queueerror.AuthorizationFailure, queueerror.AuthenticationFailed, queueerror.InsufficientAccountPermissions,
		queueerror.ServerBusy, "AuthorizationPermissionMismatch",
	} {
		if queueerror.HasCode(err, code) {
			return "the service answered " + string(code)
		}
	}
	return fmt.Sprintf("the service can't be reached (%T)", err)
}
