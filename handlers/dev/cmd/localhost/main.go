package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"guestlist/handlers/dev/acssim"
	"guestlist/handlers/dev/azurite"
	"guestlist/handlers/dev/hostsim"
	"guestlist/handlers/dev/noticesim"
	"guestlist/handlers/settings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second Ctrl-C ends this process at once, and the children end with it.
	context.AfterFunc(ctx, stop)
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "localhost:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) error {
	for _, kind := range standIns {
		if len(args) > 0 && args[0] == kind.command {
			return serveStandIn(ctx, kind, args[1:], stdin, stdout, stderr)
		}
	}
	o, err := readOptions(args, environ, stderr)
	if err != nil {
		return err
	}
	err = runAll(ctx, o, environ, stdout, stderr)
	if ctx.Err() != nil {
		// Stopped while starting: what did not come up is not a fault.
		return nil
	}
	return err
}

// runAll prepares the data folder, starts every part, prints the ready line and waits until ctx
// ends. A part that ends by itself is an error.
func runAll(ctx context.Context, o options, environ []string, stdout, stderr io.Writer) error {
	err := os.MkdirAll(o.data, 0o755)
	if err != nil {
		return err
	}
	unlock, err := lock(filepath.Join(o.data, "run.lock"))
	if err != nil {
		return fmt.Errorf("%s is in use, probably by another run: stop that one, or choose another folder with -data (%w)", o.data, err)
	}
	defer unlock()
	err = o.checkPorts()
	if err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(o.data, "run.log"))
	if err != nil {
		return err
	}
	defer file.Close()

	p := &parts{options: o, log: slog.New(newPlainHandler(io.MultiWriter(stderr, file), slog.LevelInfo))}
	defer p.stop()
	at, err := p.start(ctx, environ, file)
	if err != nil {
		return err
	}
	content, err := json.MarshalIndent(at, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(o.data, "run.json")
	err = replaceFile(path, content)
	if err != nil {
		return err
	}
	defer os.Remove(path)
	if ctx.Err() == nil {
		fmt.Fprintln(stdout, "ready", cmp.Or(at.Signup, at.Graph))
		fmt.Fprintln(stdout, "mails", at.Mails)
		if at.Reviews != "" {
			fmt.Fprintln(stdout, "reviews", at.Reviews)
		}
		fmt.Fprintln(stdout, "notices", at.Notices)
	}
	return p.wait(ctx)
}

// addresses is the content of .local/run.json.
type addresses struct {
	Signup  string `json:"signup,omitempty"`
	Reviews string `json:"reviews,omitempty"` // the pages on which people decide
	Graph   string `json:"graph"`
	Mails   string `json:"mails"`   // the page that shows them
	Notices string `json:"notices"` // the page that shows them
	SignIn  string `json:"signIn"`  // where people sign in
	Storage string `json:"storage"`
	// Settings are those of what sends mails and notices, for guestlist notify.
	Settings map[string]string `json:"settings,omitempty"`
}

// parts are the processes of a run. Each is nil until it has started.
type parts struct {
	options
	log     *slog.Logger
	storage *azurite.Server
	graph   *standIn
	mail    *standIn
	notices *standIn
	signIn  *standIn
	host    *hostsim.Host // nil with -no-host
}

// start starts the parts one after the other. The emulator's output goes to emulatorLog.
func (p *parts) start(ctx context.Context, environ []string, emulatorLog io.Writer) (addresses, error) {
	p.log.Info("starting the storage emulator")
	var err error
	p.storage, err = azurite.Start(ctx, azurite.Config{
		Location:  filepath.Join(p.data, "azurite"),
		BlobPort:  p.ports[blobPort].number,
		QueuePort: p.ports[queuePort].number,
		TablePort: p.ports[tablePort].number,
		Log:       emulatorLog,
	})
	if err != nil {
		return addresses{}, err
	}
	p.log.Info("starting the stand-ins")
	listen, err := fixedAddress(p.ports[httpPort].number)
	if err != nil {
		return addresses{}, err
	}
	w := whereabouts{pages: "http://" + listen}
	p.signIn, err = startStandIn(ctx, &signInStandIn, p.options, w, p.log)
	if err != nil {
		return addresses{}, err
	}
	w.signIn = p.signIn.url
	p.graph, err = startStandIn(ctx, &graphStandIn, p.options, w, p.log)
	if err != nil {
		return addresses{}, err
	}
	p.mail, err = startStandIn(ctx, &mailStandIn, p.options, w, p.log)
	if err != nil {
		return addresses{}, err
	}
	p.notices, err = startStandIn(ctx, &noticeStandIn, p.options, w, p.log)
	if err != nil {
		return addresses{}, err
	}
	at := addresses{
		Graph: p.graph.url, Mails: p.mail.url + acssim.MailsPath, Notices: p.notices.url + noticesim.NoticesPath,
		SignIn: p.signIn.url, Storage: p.storage.ConnectionString(),
	}
	err = prepareStorage(ctx, at.Storage, filepath.Join(p.data, "azurite", "samples-written"))
	if err != nil {
		return addresses{}, err
	}
	if p.noHost {
		_, err := formKey(p.data)
		if err != nil {
			return addresses{}, err
		}
		p.log.Info("for func start, local.settings.json must set "+settings.FormKeys, "value", "see "+filepath.Join(p.data, formKeyFile))
		p.log.Info("for func start, local.settings.json must set "+settings.PublicOrigins, "value", "http://localhost:7071")
		return at, nil
	}
	env, err := p.handlerEnv(environ, listen, at)
	if err != nil {
		return addresses{}, err
	}
	at.Settings = noticeSettings(env)
	err = p.startHost(ctx, env, listen, at.Storage)
	if err != nil {
		return addresses{}, err
	}
	at.Signup, at.Reviews = p.host.URL()+"/signup", p.host.URL()+reviews
	err = servesForm(ctx, at.Signup)
	if err != nil {
		return addresses{}, fmt.Errorf("the handler runs but does not serve the form: %w; see run.log in %s", err, p.data)
	}
	return at, nil
}

// fixedAddress returns the address with the port, a free one for 0: mails link to the pages, so the
// handler must know it before the host listens there.
func fixedAddress(port int) (string, error) {
	if port != 0 {
		return "127.0.0.1:" + strconv.Itoa(port), nil
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("looking for a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}

// handlerEnv returns the environment of the handler. Of the settings, the local settings file is
// overridden by the environment, and both by what is known only now.
func (p *parts) handlerEnv(environ []string, listen string, at addresses) ([]string, error) {
	values, err := readLocalSettings(p.root, p.options.settings)
	if err != nil {
		return nil, err
	}
	known := []string{
		settings.GraphURL + "=" + at.Graph, settings.GraphCredential + "=" + settings.NoCredential,
		settings.MailURL + "=" + p.mail.url, settings.StorageConnection + "=" + at.Storage,
	}
	for name, value := range channelSettings(p.notices.url) {
		if variable(slices.Concat(values, environ), name) == "" {
			known = append(known, name+"="+value)
		}
	}
	if variable(slices.Concat(values, environ), settings.ReviewOrigin) == "" {
		known = append(known, signInSettings(p.signIn.url, "http://"+listen)...)
	}
	if variable(slices.Concat(values, environ), settings.PublicOrigins) == "" {
		known = append(known, settings.PublicOrigins+"=http://"+listen)
	}
	if variable(slices.Concat(values, environ), settings.FormKeys) == "" {
		key, err := formKey(p.data)
		if err != nil {
			return nil, err
		}
		known = append(known, settings.FormKeys+"="+key)
	}
	return slices.Concat(values, environ, known), nil
}

// noticeSettings returns the settings in an environment that guestlist notify needs.
func noticeSettings(env []string) map[string]string {
	set := map[string]string{}
	for _, name := range []string{
		settings.StorageConnection, settings.GraphURL, settings.GraphCredential, settings.ClientID, settings.ReviewOrigin,
		settings.Mail, settings.MailURL, settings.MailSender,
		settings.TeamsURL, settings.TeamsScope, settings.WebhookURL, settings.WebhookKeys, settings.EventGridURL,
	} {
		if value := variable(env, name); value != "" {
			set[name] = value
		}
	}
	return set
}

// startHost starts the host and with it the handler.
func (p *parts) startHost(ctx context.Context, env []string, listen, storage string) error {
	p.log.Info("starting the handler")
	host, err := hostsim.New(hostsim.Config{
		Root:    p.root,
		Env:     env,
		Storage: storage,
		Listen:  listen,
		Log:     p.log,
	})
	if err != nil {
		return err
	}
	err = host.Start(ctx)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: run make build", err)
	}
	if err != nil {
		return err
	}
	p.host = host
	return nil
}

// wait waits until ctx ends, or until a part ends by itself.
func (p *parts) wait(ctx context.Context) error {
	var hostDone <-chan struct{}
	if p.host != nil {
		hostDone = p.host.Done()
	}
	ended := ""
	select {
	case <-ctx.Done():
		p.log.Info("stopping")
		return nil
	case <-p.storage.Done():
		ended = "the storage emulator"
	case <-p.graph.process.Done():
		ended = graphStandIn.name
	case <-p.mail.process.Done():
		ended = mailStandIn.name
	case <-p.signIn.process.Done():
		ended = signInStandIn.name
	case <-p.notices.process.Done():
		ended = noticeStandIn.name
	case <-hostDone:
		ended = "the host"
	}
	return fmt.Errorf("%s ended by itself: see run.log in %s", ended, p.data)
}

// stop stops the parts that have started, the last one first.
func (p *parts) stop() {
	if p.host != nil {
		p.host.Stop()
	}
	for _, s := range []*standIn{p.notices, p.mail, p.graph, p.signIn} {
		if s != nil {
			s.stop()
		}
	}
	if p.storage == nil {
		return
	}
	err := p.storage.Stop()
	if err != nil {
		p.log.Warn("the storage emulator did not stop in order", "cause", err)
	}
}

func servesForm(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s was answered with %s", url, response.Status)
	}
	return nil
}

// readLocalSettings returns the values of a settings file of Azure Functions Core Tools as an
// environment. Without a path it reads local.settings.json or, if there is none, the sample.
func readLocalSettings(root, path string) ([]string, error) {
	fallback := path == ""
	if fallback {
		path = filepath.Join(root, "local.settings.json")
	}
	content, err := os.ReadFile(path)
	if fallback && errors.Is(err, os.ErrNotExist) {
		path = filepath.Join(root, "local.settings.sample.json")
		content, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, err
	}
	var file struct {
		IsEncrypted bool
		Values      map[string]string
	}
	err = json.Unmarshal(content, &file)
	if err != nil {
		return nil, fmt.Errorf("reading %s, whose Values must be strings: %w", filepath.Base(path), err)
	}
	if file.IsEncrypted {
		return nil, fmt.Errorf("%s is encrypted: run func settings decrypt", filepath.Base(path))
	}
	var env []string
	for name, value := range file.Values {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	return env, nil
}

// replaceFile replaces the file as a whole, so that nobody reads half of it. Only its owner may
// read it.
func replaceFile(path string, content []byte) error {
	err := os.WriteFile(path+".new", append(content, '\n'), 0o600)
	if err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
