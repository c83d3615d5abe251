package hostsim

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue/v2/queueerror"
)

// Constants of the queue extension (QueueListener.cs, QueueProcessor.cs), and of the storage
// client that it uses: six tries of a call take about 26 s if none is answered.
const (
	defaultInvisibility = 10 * time.Minute // of a received message
	poisonSuffix        = "-poison"        // of the queue for dead letters

	storageRetries      = 5
	defaultStorageRetry = 800 * time.Millisecond
	storageTryTimeout   = 30 * time.Second
)

// queues are the queues that the functions' bindings name.
type queues struct {
	settings       queueSettings
	invisibility   time.Duration // of a received message
	passOverPoison bool
	clients        map[queueKey]*queue
}

type queueKey struct{ connection, name string }

// queue is one queue, shared by the bindings that name it.
type queue struct {
	service *azqueue.ServiceClient
	client  *azqueue.QueueClient
	name    string
	// wake gets a token when an output of this host has enqueued a message (SharedQueueWatcher).
	wake chan struct{}
}

func newQueues(functions []function, s queueSettings, config Config) (*queues, error) {
	q := &queues{
		settings: s, invisibility: config.Invisibility, passOverPoison: config.PassOverPoison,
		clients: map[queueKey]*queue{},
	}
	for _, f := range functions {
		for _, b := range append([]binding{f.trigger}, f.outputs...) {
			key := queueKey{b.connection, b.queue}
			if b.queue == "" || q.clients[key] != nil {
				continue
			}
			options := &azqueue.ClientOptions{ClientOptions: azcore.ClientOptions{
				Retry: policy.RetryOptions{
					MaxRetries: storageRetries, RetryDelay: config.StorageRetry, TryTimeout: storageTryTimeout,
				},
			}}
			service, err := azqueue.NewServiceClientFromConnectionString(b.connection, options)
			if err != nil {
				// The SDK's error may contain the connection string.
				return nil, fmt.Errorf("function %s, binding %s: the connection string can't be read", f.name, b.name)
			}
			q.clients[key] = &queue{service: service, client: service.NewQueueClient(b.queue), name: b.queue, wake: make(chan struct{}, 1)}
		}
	}
	return q, nil
}

func (q *queues) of(b binding) *queue { return q.clients[queueKey{b.connection, b.queue}] }

// enqueue puts a message on an output's queue and wakes the queue's listener.
func (q *queues) enqueue(ctx context.Context, output binding, message []byte) error {
	text := string(message)
	if q.settings.base64 {
		text = base64.StdEncoding.EncodeToString(message)
	}
	queue := q.of(output)
	err := queue.put(ctx, text)
	if err != nil {
		return err
	}
	select {
	case queue.wake <- struct{}{}:
	default:
	}
	return nil
}

// put sends a text. If the queue is missing, it creates the queue and sends again.
func (q *queue) put(ctx context.Context, text string) error {
	_, err := q.client.EnqueueMessage(ctx, text, nil)
	if queueerror.HasCode(err, queueerror.QueueNotFound) {
		_, err = q.client.Create(ctx, nil)
		if err != nil && !queueerror.HasCode(err, queueerror.QueueAlreadyExists) {
			return storageError("making the queue", err)
		}
		_, err = q.client.EnqueueMessage(ctx, text, nil)
	}
	return storageError("sending the message", err)
}

// storageError returns err without the response that the SDK's text contains.
func storageError(doing string, err error) error {
	if err == nil {
		return nil
	}
	var response *azcore.ResponseError
	if errors.As(err, &response) {
		return fmt.Errorf("%s: the storage account answered %d %s", doing, response.StatusCode, response.ErrorCode)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// poison returns the queue for dead letters, or nil if there can be none.
func (q *queue) poison() *queue {
	name := q.name + poisonSuffix
	if strings.HasSuffix(q.name, poisonSuffix) || len(name) > maxQueueName {
		return nil
	}
	return &queue{service: q.service, client: q.service.NewQueueClient(name), name: name}
}

// listenToQueue takes messages for a queue function until the host stops accepting, and then
// waits for running invocations.
func (h *Host) listenToQueue(f *function) {
	l := newQueueListener(h, f)
	l.listen(h.accepting)
	l.running.Wait()
}

func newQueueListener(h *Host, f *function) *queueListener {
	return &queueListener{
		host: h, function: f, queue: h.queues.of(f.trigger), settings: h.queues.settings,
		invisibility: h.queues.invisibility,
		renewal:      h.queues.invisibility / 2,
		ended:        make(chan struct{}, 1),
	}
}

// queueListener takes the messages of one queue.
type queueListener struct {
	host     *Host
	function *function
	queue    *queue
	settings queueSettings

	invisibility time.Duration // of a received message
	renewal      time.Duration // between two extensions of the invisibility

	running sync.WaitGroup
	ended   chan struct{} // gets a token when a message has ended

	mu    sync.Mutex
	count int // running messages
}

func (l *queueListener) listen(ctx context.Context) {
	idle := 0
	for ctx.Err() == nil {
		if !l.awaitThreshold(ctx) {
			return
		}
		found := l.receive(ctx)
		if found {
			idle = 0
			continue
		}
		idle++
		timer := time.NewTimer(pollingDelay(idle, l.settings.maxPollingInterval, rand.Float64()))
		select {
		case <-timer.C:
		case <-l.queue.wake:
			idle = 0
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// pollingDelay is how long to wait after a number of polls without messages
// (RandomizedExponentialBackoffStrategy): it doubles, plus or minus up to a fifth by random,
// which is in [0, 1).
func pollingDelay(idle int, most time.Duration, random float64) time.Duration {
	if idle > 30 {
		return most
	}
	growth := float64(int64(1)<<idle-1) * float64(minPollingInterval) * (0.8 + 0.4*random)
	return min(minPollingInterval+time.Duration(growth), most)
}

// awaitThreshold waits until few enough messages run to receive more. It reports false if ctx
// ends first.
func (l *queueListener) awaitThreshold(ctx context.Context) bool {
	for {
		l.mu.Lock()
		count := l.count
		l.mu.Unlock()
		if count <= l.settings.newBatchThreshold {
			return true
		}
		select {
		case <-l.ended:
		case <-ctx.Done():
			return false
		}
	}
}

// receive takes a batch, starts its messages, and reports whether there were any. A missing queue
// has none. An answer by which the queue could not be read later either stops the host, as no
// answer at all does.
func (l *queueListener) receive(ctx context.Context) bool {
	batch := int32(l.settings.batchSize)
	seconds := int32(l.invisibility / time.Second)
	response, err := l.queue.client.DequeueMessages(ctx, &azqueue.DequeueMessagesOptions{NumberOfMessages: &batch, VisibilityTimeout: &seconds})
	if err != nil {
		cause := storageError("receiving messages of "+l.queue.name, err)
		switch {
		case ctx.Err() != nil || queueerror.HasCode(err, queueerror.QueueNotFound):
		case passing(err):
			l.host.log.Warn("the queue can't be read", "queue", l.queue.name, "cause", cause)
		default:
			l.host.log.Error("the queue can't be read, and the host stops", "queue", l.queue.name, "cause", cause)
			l.host.stop(cause)
		}
		return false
	}
	for _, m := range response.Messages {
		message := queueMessage{
			id: *m.MessageID, popReceipt: *m.PopReceipt, text: *m.MessageText, dequeueCount: *m.DequeueCount,
			inserted: *m.InsertionTime, expires: *m.ExpirationTime, visible: *m.TimeNextVisible,
		}
		l.mu.Lock()
		l.count++
		l.mu.Unlock()
		l.running.Go(func() {
			l.process(message)
			l.mu.Lock()
			l.count--
			l.mu.Unlock()
			select {
			case l.ended <- struct{}{}:
			default:
			}
		})
	}
	return len(response.Messages) > 0
}

// passing reports whether the listener goes on after the error (QueueListener.ExecuteAsync).
func passing(err error) bool {
	var answer *azcore.ResponseError
	return errors.As(err, &answer) && (answer.StatusCode >= http.StatusInternalServerError ||
		queueerror.HasCode(err, queueerror.QueueBeingDeleted, queueerror.QueueDisabled))
}

// process runs one message until it is deleted, visible again, or a dead letter.
func (l *queueListener) process(m queueMessage) {
	log := l.host.log.With("function", l.function.name, "message", m.id, "dequeued", m.dequeueCount)
	ctx := l.host.living
	receipt := &receipt{value: m.popReceipt}
	m.body = []byte(m.text)
	if l.settings.base64 {
		body, err := base64.StdEncoding.DecodeString(m.text)
		if err != nil {
			log.Error("Message decoding has failed! Check MessageEncoding settings")
			l.toPoison(ctx, log, m, receipt)
			return
		}
		m.body = body
	}
	most := int64(l.settings.maxDequeueCount)
	poison := l.queue.poison() != nil
	switch {
	case m.dequeueCount <= most:
	case poison:
		l.toPoison(ctx, log, m, receipt)
		return
	case l.host.queues.passOverPoison:
		return // it stays hidden
	}
	renewing, stopRenewing := context.WithCancel(ctx)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		l.renew(renewing, m, receipt, log)
	}()
	err := l.invoke(m)
	stopRenewing()
	<-renewed
	switch {
	case err == nil:
		_, err := l.queue.client.DeleteMessage(ctx, m.id, receipt.value, nil)
		if err != nil {
			log.Warn("the message can't be deleted and will come again", "cause", storageError("deleting the message", err))
		}
	case ctx.Err() != nil:
		// The host is stopping. The next host gets the message when it becomes visible.
	case !poison:
		// The message is not released: it stays hidden.
	case m.dequeueCount >= most:
		l.toPoison(ctx, log, m, receipt)
	default:
		l.hide(ctx, m, receipt, l.settings.visibilityTimeout, log)
	}
}

func (l *queueListener) invoke(m queueMessage) error {
	e, err := queueEnvelope(l.function, m, l.host.now())
	if err != nil {
		l.host.log.Error("the message can't be bound", "function", l.function.name, "cause", err)
		return err
	}
	r, err := l.host.invoke(l.function, e)
	if err != nil {
		return err
	}
	return l.host.bind(l.function, r)
}

// receipt is the latest pop receipt of a message, which each change of it needs. Only one
// goroutine uses it at a time.
type receipt struct{ value string }

// renew keeps the message invisible until ctx ends.
func (l *queueListener) renew(ctx context.Context, m queueMessage, r *receipt, log *slog.Logger) {
	ticker := time.NewTicker(l.renewal)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			// An update that runs when ctx ends must still store its receipt.
			l.hide(context.WithoutCancel(ctx), m, r, l.invisibility, log)
		}
	}
}

// hide makes the message invisible for the time d from now.
func (l *queueListener) hide(ctx context.Context, m queueMessage, r *receipt, d time.Duration, log *slog.Logger) {
	seconds := int32(d / time.Second)
	response, err := l.queue.client.UpdateMessage(ctx, m.id, r.value, m.text, &azqueue.UpdateMessageOptions{VisibilityTimeout: &seconds})
	if err != nil {
		log.Warn("the message's visibility can't be changed", "cause", storageError("updating the message", err))
		return
	}
	r.value = *response.PopReceipt
}

// toPoison copies the message to the poison queue and then deletes it. A stop in between leaves
// both. Without a poison queue the message stays hidden.
func (l *queueListener) toPoison(ctx context.Context, log *slog.Logger, m queueMessage, r *receipt) {
	poison := l.queue.poison()
	if poison == nil {
		return
	}
	log.Error("the message moves to the poison queue", "queue", poison.name)
	err := poison.put(ctx, m.text)
	if err != nil {
		log.Error("the message can't be moved and will come again", "cause", err)
		return
	}
	_, err = l.queue.client.DeleteMessage(ctx, m.id, r.value, nil)
	if err != nil {
		log.Error("the message is on the poison queue and can't be deleted", "cause", storageError("deleting the message", err))
	}
}
