package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"guestlist/handlers/azure/acs"
	"guestlist/handlers/azure/functions/functionjson"
	"guestlist/handlers/azure/graph"
	"guestlist/handlers/request"
	"guestlist/handlers/settings"
	"guestlist/handlers/submission"
	"guestlist/handlers/workflow"
)

// The host calls functions by folder name and reads outputs by binding name. A difference fails
// every invocation, and only in Azure.
func TestFunctionFoldersAndProgramAgree(t *testing.T) {
	files, err := functionjson.ReadAll("../../..")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		signupHTTP:      {"req in httpTrigger", "res out http", signupsBinding + " out queue"},
		statusHTTP:      {"req in httpTrigger", "res out http", signupsBinding + " out queue"},
		reviewsHTTP:     {"req in httpTrigger", "res out http", decisionsBinding + " out queue"},
		inviteQueue:     {messageBinding + " in queueTrigger"},
		invitePoison:    {messageBinding + " in queueTrigger"},
		decisionsQueue:  {messageBinding + " in queueTrigger"},
		decisionsPoison: {messageBinding + " in queueTrigger"},
		upkeepTimer:     {timerBinding + " in timerTrigger", signupsBinding + " out queue"},
	}
	got := map[string][]string{}
	for name, file := range files {
		for _, b := range file.Bindings {
			got[name] = append(got[name], b.Name+" "+b.Direction+" "+b.Type)
			queue := submission.Queue
			switch name {
			case invitePoison:
				queue = submission.PoisonQueue
			case decisionsQueue, reviewsHTTP:
				queue = request.DecisionsQueue
			case decisionsPoison:
				queue = request.DecisionsPoisonQueue
			}
			if strings.HasPrefix(b.Type, "queue") && b.QueueName != queue {
				t.Errorf("%s: queue %q, want %q", name, b.QueueName, queue)
			}
			// Without it the host overwrites the metadata with the message's own properties.
			if b.Type == "queueTrigger" && b.DataType != "binary" {
				t.Errorf("%s: the trigger's dataType is %q, want binary", name, b.DataType)
			}
		}
	}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("folders %v\nprogram %v", got, want)
	}
}

func TestHostStartsBuiltProgram(t *testing.T) {
	content, err := os.ReadFile("../../../host.json")
	if err != nil {
		t.Fatal(err)
	}
	var host struct {
		FunctionTimeout string
		CustomHandler   struct {
			Description struct{ DefaultExecutablePath string }
		}
		ExtensionBundle struct{ Version string }
	}
	err = json.Unmarshal(content, &host)
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile("../../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	path := host.CustomHandler.Description.DefaultExecutablePath
	if path != "bin/handler" || !strings.Contains(string(makefile), "-o bin/ ./handlers/cmd/handler") {
		t.Errorf("host.json starts %q, which the Makefile does not build", path)
	}
	if host.ExtensionBundle.Version != "[4.*, 5.0.0)" {
		t.Errorf("extension bundle %q", host.ExtensionBundle.Version)
	}
}

// nowhere is a connection string of an account that does not answer.
const nowhere = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;TableEndpoint=http://127.0.0.1:1/a;"

const formKey = "5CqS0TQ0gfnLOyUg7m4Zt3iVb8rXw1Pa"

func TestFunctionIsServedWhereItHasFolder(t *testing.T) {
	root := t.TempDir()
	err := os.Mkdir(filepath.Join(root, statusHTTP), 0o755)
	if err != nil {
		t.Fatal(err)
	}
	err = os.WriteFile(filepath.Join(root, statusHTTP, "function.json"), []byte("{}"), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	at := func(folder string) func(string) string { return func(string) string { return folder } }
	if serves(at(root), signupHTTP) || !serves(at(root), statusHTTP) {
		t.Error("a function is served that has no folder, or one that has a folder is not")
	}
	if !serves(at(""), signupHTTP) {
		t.Error("the form is not served where the app's folder is unknown")
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

func TestRunRefusesUnusableSettings(t *testing.T) {
	tests := map[string]struct {
		env  map[string]string
		want string
	}{
		"not started by the host": {nil, "FUNCTIONS_CUSTOMHANDLER_PORT"},
		"no settings":             {map[string]string{"FUNCTIONS_CUSTOMHANDLER_PORT": freePort(t)}, settings.StorageTablesURL},
		"unusable connection string": {map[string]string{
			"FUNCTIONS_CUSTOMHANDLER_PORT": freePort(t), settings.StorageConnection: "AccountKey=c2VjcmV0",
			"GUESTLIST_GRAPH_URL": "http://127.0.0.1:1", "GUESTLIST_GRAPH_CREDENTIAL": "none",
			settings.FormKeys: formKey,
		}, "connect"},
		"mails from nobody": {map[string]string{
			"FUNCTIONS_CUSTOMHANDLER_PORT": freePort(t), settings.StorageConnection: "UseDevelopmentStorage=true",
			"GUESTLIST_GRAPH_URL": "http://127.0.0.1:1", "GUESTLIST_GRAPH_CREDENTIAL": "none",
			settings.FormKeys: formKey, settings.Mail: settings.GraphMail,
		}, settings.MailSender},
		"no key for forms": {map[string]string{
			"FUNCTIONS_CUSTOMHANDLER_PORT": freePort(t), settings.StorageConnection: "UseDevelopmentStorage=true",
			"GUESTLIST_GRAPH_URL": "http://127.0.0.1:1", "GUESTLIST_GRAPH_CREDENTIAL": "none",
		}, settings.FormKeys + " is not set"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := run(t.Context(), func(key string) string { return test.env[key] }, io.Discard)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error about %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "c2VjcmV0") {
				t.Error("the error repeats a key")
			}
		})
	}
}

// TestMailerIsWhatSettingsAskFor: a token goes to a mail service, and none to a stand-in.
func TestMailerIsWhatSettingsAskFor(t *testing.T) {
	const id = "33333333-3333-4333-8333-333333333333"
	tests := map[string]struct {
		s     settings.Settings
		token bool
		want  any
	}{
		"none": {settings.Settings{Mail: settings.NoMail}, false, nil},
		"a service": {settings.Settings{
			Mail: settings.ACSMail, MailURL: "https://x.communication.azure.com", MailSender: "a@b.example", ClientID: id,
		}, true, new(acs.Client)},
		"a stand-in": {settings.Settings{
			Mail: settings.ACSMail, MailURL: "http://127.0.0.1:1", MailSender: "a@b.example", ClientID: id,
		}, false, new(acs.Client)},
		"another app's":         {settings.Settings{Mail: settings.ACSMail, ClientID: id}, false, nil},
		"another app's mailbox": {settings.Settings{Mail: settings.GraphMail, ClientID: id}, false, nil},
		"a mailbox":             {settings.Settings{Mail: settings.GraphMail, MailSender: "a@b.example", ClientID: id}, false, new(graph.Mailer)},
	}
	for name, test := range tests {
		test.s.StorageConnection, test.s.GraphCredential = "UseDevelopmentStorage=true", settings.NoCredential
		tokens, err := credentials(test.s, false)
		if err != nil || (tokens.mail != nil) != test.token || tokens.storage != nil || tokens.graph != nil {
			t.Errorf("%s: %+v, %v", name, tokens, err)
		}
		mailer, err := newMailer(test.s, tokens.mail, nil, slog.New(slog.DiscardHandler))
		if err != nil || reflect.TypeOf(mailer) != reflect.TypeOf(test.want) {
			t.Errorf("%s: %T, %v", name, mailer, err)
		}
	}
	_, err := credentials(settings.Settings{
		StorageConnection: "x", Mail: settings.ACSMail, MailURL: "https://x.communication.azure.com",
	}, false)
	if err == nil {
		t.Error("mails need no identity")
	}
}

// noticeSettings configure every channel, one by a token.
var noticeSettings = map[string]string{
	settings.TeamsURL:    "https://x.environment.api.powerplatform.com/workflows/1/triggers/manual/paths/invoke?sig=s3cr3t",
	settings.WebhookURL:  "https://hooks.example.com/notices",
	settings.WebhookKeys: "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5", settings.EventGridURL: "https://t.westeurope-1.eventgrid.azure.net/api/events",
}

// TestOnlyTheWorkerSendsNotices: another app has no key for it, and does not need to be told why.
func TestOnlyTheWorkerSendsNotices(t *testing.T) {
	for function, want := range map[string]int{inviteQueue: 3, statusHTTP: 0, reviewsHTTP: 0, signupHTTP: 0} {
		env := map[string]string{
			"FUNCTIONS_APP_ROOT_PATH": functionFolder(t, function), settings.StorageConnection: nowhere,
			settings.GraphURL: "http://127.0.0.1:1", settings.GraphCredential: settings.NoCredential, settings.FormKeys: formKey,
			settings.ClientID: "33333333-3333-4333-8333-333333333333",
		}
		maps.Copy(env, noticeSettings)
		s, pages, notices, err := readSettings(func(name string) string { return env[name] })
		if err != nil {
			t.Fatalf("%s: %v", function, err)
		}
		if got := len(notices.Configured()); got != want {
			t.Errorf("%s: %d channels, want %d", function, got, want)
		}
		tokens, err := credentials(s, notices.NeedsToken())
		if err != nil || (tokens.notices != nil) != (want > 0) {
			t.Errorf("%s: %+v, %v", function, tokens, err)
		}
		_, err = build(s, pages, notices, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Errorf("%s: %v", function, err)
		}
	}
}

// A channel is told only of what people decide on the review pages.
func TestWorkerTellsChannelsWhereThereAreReviewPages(t *testing.T) {
	told := []request.Channel{named("teams"), named("webhook")}
	for _, notices := range []*workflow.Notices{nil, {}} {
		want := told
		if notices == nil {
			want = nil
		}
		config := workerConfig(settings.Settings{}, nil, nil, nil, nil, nil, notices, told, nil)
		if !slices.Equal(config.Channels, want) || config.Notices != notices {
			t.Errorf("channels %v, notices %v", config.Channels, config.Notices)
		}
	}
}

// The app of the status page takes codes for the app that mails them, and knows no mail service.
func TestStatusPageTakesCodesIfMailsAreSent(t *testing.T) {
	root := t.TempDir()
	err := errors.Join(
		os.Mkdir(filepath.Join(root, statusHTTP), 0o755),
		os.WriteFile(filepath.Join(root, statusHTTP, "function.json"), []byte("{}"), 0o644),
	)
	if err != nil {
		t.Fatal(err)
	}
	key, ofKey := submission.NewIDKey(formKey)
	id, ofID := key.NewID(time.Now(), rand.Reader)
	if err := errors.Join(ofKey, ofID); err != nil {
		t.Fatal(err)
	}
	envelope, err := json.Marshal(map[string]any{"Data": map[string]any{"req": map[string]any{
		"Url": "https://status.example.com/signup/" + id, "Method": http.MethodPost, "Query": map[string]string{}, "Params": map[string]any{"id": id},
		"Headers": map[string][]string{"Content-Type": {"application/json"}, "Host": {"status.example.com"}}, "Body": `{"action":"prove","code":"1234 5678"}`,
	}}, "Metadata": map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	for mail, want := range map[string]string{settings.NoMail: `"statusCode":400`, settings.ACSMail: `"statusCode":202`, settings.GraphMail: `"statusCode":202`} {
		env := map[string]string{
			"FUNCTIONS_APP_ROOT_PATH": root, settings.StorageConnection: nowhere,
			settings.GraphURL: "http://127.0.0.1:1", settings.GraphCredential: settings.NoCredential,
			settings.FormKeys: formKey, settings.Mail: mail,
		}
		s, pages, notices, err := readSettings(func(name string) string { return env[name] })
		if err != nil {
			t.Errorf("%s: %v", mail, err)
			continue
		}
		app, err := build(s, pages, notices, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Errorf("%s: %v", mail, err)
			continue
		}
		recorder := httptest.NewRecorder()
		app.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/"+statusHTTP, bytes.NewReader(envelope)))
		if !strings.Contains(recorder.Body.String(), want) {
			t.Errorf("%s: the answer is %s, want %s", mail, recorder.Body, want)
		}
	}
}

// reviewSettings switch the review pages on.
var reviewSettings = map[string]string{
	settings.ReviewOrigin: "https://reviews.example.com", settings.SignInTenant: "11111111-0000-4000-8000-000000000001",
	settings.SignInClientID: "11111111-0000-4000-8000-000000000002", settings.ClientID: "11111111-0000-4000-8000-000000000003",
}

func TestReviewPagesAreThereWherePeopleCanSignIn(t *testing.T) {
	const envelope = `{"Data":{"req":{"Url":"https://reviews.example.com/reviews","Method":"GET","Params":{},"Headers":{},"Body":null}},"Metadata":{}}`
	for name, test := range map[string]struct {
		settings map[string]string
		want     string
	}{
		"not":          {nil, `"statusCode":404`},
		"they can":     {reviewSettings, `"statusCode":303`},
		"in their app": {map[string]string{"FUNCTIONS_APP_ROOT_PATH": functionFolder(t, reviewsHTTP)}, `"statusCode":303`},
		"another app":  {map[string]string{"FUNCTIONS_APP_ROOT_PATH": functionFolder(t, statusHTTP)}, `"statusCode":404`},
	} {
		env := map[string]string{
			settings.StorageConnection: nowhere, settings.GraphURL: "http://127.0.0.1:1", settings.GraphCredential: settings.NoCredential, settings.FormKeys: formKey,
		}
		if test.settings != nil {
			maps.Copy(env, reviewSettings)
		}
		maps.Copy(env, test.settings)
		s, pages, notices, err := readSettings(func(name string) string { return env[name] })
		if err != nil {
			t.Fatal(err)
		}
		app, err := build(s, pages, notices, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		recorder := httptest.NewRecorder()
		app.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/"+reviewsHTTP, strings.NewReader(envelope)))
		if !strings.Contains(recorder.Body.String(), test.want) {
			t.Errorf("%s: the answer is %s, want %s", name, recorder.Body, test.want)
		}
	}
}

// functionFolder returns the folder of an app that has the function alone.
func functionFolder(t *testing.T, function string) string {
	t.Helper()
	root := t.TempDir()
	err := os.Mkdir(filepath.Join(root, function), 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(root, function, "function.json"), []byte("{}"), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// What a handler takes and function.json does not name never reaches it: the host answers 404. HEAD
// was lost like that.
func TestMethodsOfFunctionsAreThoseOfTheirHandlers(t *testing.T) {
	env := map[string]string{
		settings.StorageConnection: nowhere, settings.GraphURL: "http://127.0.0.1:1", settings.GraphCredential: settings.NoCredential, settings.FormKeys: formKey,
	}
	maps.Copy(env, reviewSettings)
	s, pages, notices, err := readSettings(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	app, err := build(s, pages, notices, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	files, err := functionjson.ReadAll("../../..")
	if err != nil {
		t.Fatal(err)
	}
	functions := 0
	for name, file := range files {
		for _, binding := range file.Bindings {
			if binding.Type != "httpTrigger" {
				continue
			}
			functions++
			var taken []string
			for _, method := range []string{"get", "head", "post", "put", "patch", "delete", "options", "trace"} {
				envelope, err := json.Marshal(map[string]any{"Data": map[string]any{"req": map[string]any{
					"Url": "https://join.example.com/signup/x", "Method": strings.ToUpper(method), "Params": map[string]any{"id": "x"},
					"Headers": map[string][]string{"Content-Type": {"application/json"}}, "Body": "{}",
				}}})
				if err != nil {
					t.Fatal(err)
				}
				recorder := httptest.NewRecorder()
				app.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/"+name, bytes.NewReader(envelope)))
				if !strings.Contains(recorder.Body.String(), `"statusCode":405`) {
					taken = append(taken, method)
				}
			}
			slices.Sort(taken)
			if named := slices.Sorted(slices.Values(binding.Methods)); !slices.Equal(named, taken) {
				t.Errorf("%s: function.json names %v, the handler takes %v", name, named, taken)
			}
		}
	}
	if functions == 0 {
		t.Error("there is no function with an HTTP trigger")
	}
}

// A connection string that a tool puts beside the settings of the identity must not stop the app.
func TestRunWarnsOfConnectionStringBesideIdentity(t *testing.T) {
	env := map[string]string{
		"FUNCTIONS_CUSTOMHANDLER_PORT": freePort(t), settings.FormKeys: formKey,
		settings.ClientID: "33333333-3333-4333-8333-333333333333", settings.StorageTablesURL: "https://guestlist.table.core.windows.net",
		settings.HostStorage: "AccountKey=c2VjcmV0", settings.StorageConnection: "AccountKey=c2VjcmV0",
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	var log bytes.Buffer
	err := run(ctx, func(key string) string { return env[key] }, &log)
	if err != nil || !strings.Contains(log.String(), "the handler is ready") {
		t.Errorf("%v\n%s", err, &log)
	}
	for _, name := range []string{settings.HostStorage, settings.StorageConnection} {
		if !strings.Contains(log.String(), `"level":"WARN","msg":"a setting is doubtful","warning":"`+name+" ") {
			t.Errorf("there is no warning of %s:\n%s", name, &log)
		}
	}
	if strings.Contains(log.String(), "c2VjcmV0") {
		t.Errorf("a secret is logged:\n%s", &log)
	}
}

func TestRunServesUntilStopped(t *testing.T) {
	env := map[string]string{
		"FUNCTIONS_CUSTOMHANDLER_PORT": freePort(t),
		settings.StorageConnection:     nowhere,
		"GUESTLIST_GRAPH_URL":          "http://127.0.0.1:1", "GUESTLIST_GRAPH_CREDENTIAL": "none",
		settings.FormKeys: formKey,
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, func(key string) string { return env[key] }, io.Discard) }()
	address := "http://127.0.0.1:" + env["FUNCTIONS_CUSTOMHANDLER_PORT"]
	for tries := 0; ; tries++ {
		response, err := http.Get(address + "/")
		if err == nil {
			if response.StatusCode != http.StatusOK {
				t.Errorf("GET / has status %d", response.StatusCode)
			}
			response.Body.Close()
			break
		}
		if tries > 500 {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	err := <-ended
	if err != nil {
		t.Errorf("a stop that was asked for is an error: %v", err)
	}
}
