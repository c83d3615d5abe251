package queues

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue/v2/queueerror"

	"guestlist/handlers/azure/internal/rest"
	"guestlist/handlers/problem"
	"guestlist/handlers/submission"
)

// How long a call may take when the service is slow: three tries of three seconds with at most
// two seconds between them.
const (
	maxRetries    = 2
	tryTimeout    = 3 * time.Second
	maxRetryDelay = 2 * time.Second
)

// forEver is the time to live of a message that never expires.
const forEver = int32(-1)

// maxDelay is the longest that a message can be hidden, what the service takes less a day.
const maxDelay = submission.MessageLifetime - 24*time.Hour

// Config says which storage account to use: either ConnectionString, or TablesURL with Credential.
type Config struct {
	// ConnectionString names an account with its key, for the local run and tests.
	ConnectionString string
	// TablesURL is the address of the account's table service, from which that of the queue service
	// follows: they differ in one word.
	TablesURL string
	// Credential signs in. It needs the role Storage Queue Data Contributor on both queues, or less
	// for less: Message Sender to put, Reader to count, Message Processor to move.
	Credential azcore.TokenCredential
}

// Service is the queue service of an account. It may be used by several goroutines at once. Its
// errors are *problem.Error: StorageUnavailable.
type Service struct{ service *azqueue.ServiceClient }

// New returns a Service. It makes no call.
func New(config Config) (*Service, error) {
	options := &azqueue.ClientOptions{ClientOptions: azcore.ClientOptions{
		Retry: azpolicy.RetryOptions{MaxRetries: maxRetries, TryTimeout: tryTimeout, MaxRetryDelay: maxRetryDelay},
	}}
	if config.ConnectionString != "" {
		service, err := azqueue.NewServiceClientFromConnectionString(config.ConnectionString, options)
		if err != nil {
			// The SDK's error may quote the key.
			return nil, problem.New(problem.Internal, "the storage account's connection string names no queue service")
		}
		return &Service{service}, nil
	}
	if !strings.Contains(config.TablesURL, ".table.") || config.Credential == nil {
		return nil, problem.New(problem.Internal,
			"no queue service is named: the table service's URL must look like https://account.table.core.windows.net")
	}
	service, err := azqueue.NewServiceClient(address(config.TablesURL), config.Credential, options)
	if err != nil {
		return nil, problem.New(problem.Internal, "setting up the queue service's client failed (%T)", err)
	}
	return &Service{service}, nil
}

// address returns the address of the account's queue service: one word differs in any cloud.
func address(tables string) string { return strings.Replace(tables, ".table.", ".queue.", 1) }

// Put puts a message on the queue as the Functions host does, but so that it can be seen only
// after the delay, of at most six days, and never expires.
func (s *Service) Put(ctx context.Context, queue string, message []byte, delay time.Duration) error {
	return s.put(ctx, queue, base64.StdEncoding.EncodeToString(message), delay)
}

func (s *Service) put(ctx context.Context, queue, text string, delay time.Duration) error {
	lifetime, hidden := forEver, int32(min(max(0, delay), maxDelay)/time.Second)
	_, err := s.service.NewQueueClient(queue).EnqueueMessage(ctx, text, &azqueue.EnqueueMessageOptions{
		TimeToLive: &lifetime, VisibilityTimeout: &hidden,
	})
	if queueerror.HasCode(err, queueerror.QueueNotFound) {
		return problem.New(problem.StorageUnavailable, "there is no queue %q; the app creates it with the first sign-up", queue)
	}
	return failure("putting a message on the queue "+queue, err)
}

// Length returns roughly how many messages are on the queue, hidden ones included, and whether
// there is such a queue.
func (s *Service) Length(ctx context.Context, queue string) (n int, exists bool, err error) {
	properties, err := s.service.NewQueueClient(queue).GetProperties(ctx, nil)
	switch {
	case queueerror.HasCode(err, queueerror.QueueNotFound):
		return 0, false, nil
	case err != nil:
		return 0, false, failure("looking at the queue "+queue, err)
	case properties.ApproximateMessagesCount == nil:
		return 0, true, nil
	}
	return int(*properties.ApproximateMessagesCount), true, nil
}

// Oldest returns when the first message that can be seen was put on the queue; the zero time if
// none can be seen, or there is no such queue.
func (s *Service) Oldest(ctx context.Context, queue string) (time.Time, error) {
	peeked, err := s.service.NewQueueClient(queue).PeekMessage(ctx, nil)
	if queueerror.HasCode(err, queueerror.QueueNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, failure("looking at the queue "+queue, err)
	}
	for _, m := range peeked.Messages {
		if m.InsertionTime != nil {
			return *m.InsertionTime, nil
		}
	}
	return time.Time{}, nil
}

// moveHidden is how long a message is hidden while it is moved.
const moveHidden = 30 * time.Second

// Move moves the messages that can be seen now from one queue to another, where they can be seen
// at once. It returns how many it moved, and the ids of those that it left, since they are not
// base64 and so not written by the host. A process that ends in between leaves a message on both
// queues.
func (s *Service) Move(ctx context.Context, from, to string) (moved int, left []string, err error) {
	source := s.service.NewQueueClient(from)
	hidden, batch := int32(moveHidden/time.Second), int32(32)
	for {
		received, err := source.DequeueMessages(ctx, &azqueue.DequeueMessagesOptions{
			NumberOfMessages: &batch, VisibilityTimeout: &hidden,
		})
		if queueerror.HasCode(err, queueerror.QueueNotFound) {
			return moved, left, nil
		}
		if err != nil {
			return moved, left, failure("receiving messages of the queue "+from, err)
		}
		if len(received.Messages) == 0 {
			return moved, left, nil
		}
		for _, m := range received.Messages {
			_, err := base64.StdEncoding.DecodeString(*m.MessageText)
			if err != nil {
				left = append(left, *m.MessageID)
				continue
			}
			err = s.put(ctx, to, *m.MessageText, 0)
			if err != nil {
				return moved, left, err
			}
			_, err = source.DeleteMessage(ctx, *m.MessageID, *m.PopReceipt, nil)
			if err != nil && !queueerror.HasCode(err, queueerror.MessageNotFound) {
				return moved, left, failure("deleting a message of the queue "+from, err)
			}
			moved++
		}
	}
}

// failure turns an error of the SDK into a *problem.Error; doing says what was being done. The
// SDK's text is not kept, since it quotes whole answers and URLs.
func failure(doing string, err error) error {
	if err == nil {
		return nil
	}
	var answer *azcore.ResponseError
	if errors.As(err, &answer) {
		said := cmp.Or(rest.Identifier(answer.ErrorCode), "without an error code")
		return problem.New(problem.StorageUnavailable, "%s: the queue service answered %d %s", doing, answer.StatusCode, said)
	}
	for _, ended := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, ended) {
			return problem.New(problem.StorageUnavailable, "%s: no answer from the queue service: %w", doing, ended)
		}
	}
	var inURL *url.Error
	if errors.As(err, &inURL) {
		err = inURL.Err
	}
	var network *net.OpError
	if errors.As(err, &network) {
		return problem.New(problem.StorageUnavailable, "%s: the queue service can't be reached: %s", doing, network)
	}
	return problem.New(problem.StorageUnavailable, "%s: no answer from the queue service (%T)", doing, err)
}
