package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"guestlist/handlers/dev/azurite"
	"guestlist/handlers/dev/hostsim"
	"guestlist/handlers/settings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second Ctrl-C does not wait for anybody; the children notice.
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
	if len(args) > 0 && args[0] == standInCommand {
		return serveStandIn(ctx, args[1:], stdin, stdout, stderr)
	}
	o, err := readOptions(args, environ, stderr)
	if err != nil {
		return err
	}
	err = runAll(ctx, o, environ, stdout, stderr)
	if ctx.Err() != nil {
		// Whoever stops us while we start sees that something did not come up; that is no fault.
		return nil
	}
	return err
}

// options is what the command line and the environment say.
type options struct {
	root     string
	data     string
	settings string // empty: local.settings.json in the root, or the sample there
	noHost   bool
	ports    []port
}

// port is a port that can be chosen.
type port struct {
	flag, variable, usage string
	number                int
}

// The ports, in the order of options.ports.
const (
	httpPort = iota
	graphPort
	blobPort
	queuePort
	tablePort
)

// readOptions reads flags, and the environment for what no flag says.
func readOptions(args, environ []string, stderr io.Writer) (options, error) {
	o := options{ports: []port{
		httpPort:  {"port", "PORT", "the form; 0 takes free ports for everything that is not chosen", 7071},
		graphPort: {"graph-port", "GRAPH_PORT", "the Graph stand-in", 7090},
		blobPort:  {"blob-port", "AZURITE_BLOB_PORT", "the storage emulator's blobs", 10000},
		queuePort: {"queue-port", "AZURITE_QUEUE_PORT", "the storage emulator's queues", 10001},
		tablePort: {"table-port", "AZURITE_TABLE_PORT", "the storage emulator's tables", 10002},
	}}
	flags := flag.NewFlagSet("localhost", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.root, "root", "", "folder of host.json (default: the working directory or the nearest folder above)")
	flags.StringVar(&o.data, "data", "", "folder for data, logs and addresses (default: .local in the root)")
	flags.StringVar(&o.settings, "settings", "", "file of local settings (default: local.settings.json in the root, or the sample there)")
	flags.BoolVar(&o.noHost, "no-host", false, "leave the handler and its host out: func start will be them")
	chosen := map[string]bool{}
	for i := range o.ports {
		p := &o.ports[i]
		flags.IntVar(&p.number, p.flag, p.number, p.usage+" (environment: "+p.variable+")")
	}
	err := flags.Parse(args)
	if err != nil {
		return options{}, err
	}
	if flags.NArg() > 0 {
		return options{}, fmt.Errorf("%q is not understood: localhost takes flags only, see -h", flags.Arg(0))
	}
	flags.Visit(func(f *flag.Flag) { chosen[f.Name] = true })
	for i := range o.ports {
		p := &o.ports[i]
		text := variable(environ, p.variable)
		if !chosen[p.flag] && text != "" {
			p.number, err = strconv.Atoi(text)
			if err != nil {
				return options{}, fmt.Errorf("%s must be a number, 0 for a free port", p.variable)
			}
			chosen[p.flag] = true
		}
		if p.number < 0 || p.number > 65535 {
			return options{}, fmt.Errorf("-%s or %s must be from 0 to 65535, 0 for a free port", p.flag, p.variable)
		}
	}
	if chosen["port"] && o.ports[httpPort].number == 0 {
		for i := range o.ports {
			if !chosen[o.ports[i].flag] {
				o.ports[i].number = 0
			}
		}
	}
	if o.root == "" {
		o.root, err = findRoot()
		if err != nil {
			return options{}, err
		}
	}
	o.root, err = filepath.Abs(o.root)
	if err != nil {
		return options{}, err
	}
	if o.data == "" {
		o.data = filepath.Join(o.root, ".local")
	}
	o.data, err = filepath.Abs(o.data)
	return o, err
}

// variable returns the value of an environment variable; of two the later counts.
func variable(environ []string, name string) string {
	for _, entry := range slices.Backward(environ) {
		value, found := strings.CutPrefix(entry, name+"=")
		if found {
			return value
		}
	}
	return ""
}

// findRoot returns the nearest folder with a host.json, from the working directory upwards.
func findRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		_, err := os.Stat(filepath.Join(dir, "host.json"))
		if err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no host.json here or in a folder above: run this in the project, or say where it is by -root")
		}
	}
}

// addresses is what .local/run.json says.
type addresses struct {
	Signup  string `json:"signup,omitempty"`
	Graph   string `json:"graph"`
	Storage string `json:"storage"`
}

// runAll starts every part, says so, and waits for ctx, or for a part to end by itself, which is an error.
func runAll(ctx context.Context, o options, environ []string, stdout, stderr io.Writer) error {
	err := os.MkdirAll(o.data, 0o755)
	if err != nil {
		return err
	}
	unlock, err := lock(filepath.Join(o.data, "run.lock"))
	if err != nil {
		return fmt.Errorf("%s is in use, probably by another run: stop that one, or choose another folder by -data (%w)", o.data, err)
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
	log := slog.New(newPlainHandler(io.MultiWriter(stderr, file), slog.LevelInfo))

	log.Info("starting the storage emulator")
	storage, err := azurite.Start(ctx, azurite.Config{
		Location:  filepath.Join(o.data, "azurite"),
		BlobPort:  o.ports[blobPort].number,
		QueuePort: o.ports[queuePort].number,
		TablePort: o.ports[tablePort].number,
		Log:       file,
	})
	if err != nil {
		return err
	}
	defer func() {
		err := storage.Stop()
		if err != nil {
			log.Warn("the storage emulator did not stop in order", "cause", err)
		}
	}()
	log.Info("starting the Graph stand-in")
	graph, err := startStandIn(ctx, o, log)
	if err != nil {
		return err
	}
	defer graph.stop()
	err = prepareStorage(ctx, storage.ConnectionString(), filepath.Join(o.data, "azurite", "samples-written"))
	if err != nil {
		return err
	}
	at := addresses{Graph: graph.url, Storage: storage.ConnectionString()}

	var hostDone <-chan struct{}
	ready := "ready " + at.Graph
	if o.noHost {
		_, err := formKey(o.data)
		if err != nil {
			return err
		}
		log.Info("for func start, local.settings.json must set "+settings.FormKeys, "value", "see "+filepath.Join(o.data, formKeyFile))
	} else {
		host, err := startHost(ctx, o, environ, at, log)
		if err != nil {
			return err
		}
		defer host.Stop()
		hostDone = host.Done()
		at.Signup = host.URL() + "/signup"
		ready = "ready " + at.Signup
	}
	err = writeAddresses(filepath.Join(o.data, "run.json"), at)
	if err != nil {
		return err
	}
	defer os.Remove(filepath.Join(o.data, "run.json"))
	if ctx.Err() == nil {
		fmt.Fprintln(stdout, ready)
	}
	select {
	case <-ctx.Done():
		log.Info("stopping")
		return nil
	case <-storage.Done():
		return errors.New("the storage emulator ended by itself: see run.log in " + o.data)
	case <-graph.process.Done():
		return errors.New("the Graph stand-in ended by itself: see run.log in " + o.data)
	case <-hostDone:
		return errors.New("the host stopped by itself: see run.log in " + o.data)
	}
}

// startHost starts the host, and the handler by it, on the settings of the local settings file, then the environment, then what is known
// only now.
func startHost(ctx context.Context, o options, environ []string, at addresses, log *slog.Logger) (*hostsim.Host, error) {
	values, err := readLocalSettings(o.root, o.settings)
	if err != nil {
		return nil, err
	}
	known := []string{settings.GraphURL + "=" + at.Graph, settings.GraphCredential + "=" + settings.NoCredential}
	if variable(slices.Concat(values, environ), settings.FormKeys) == "" {
		key, err := formKey(o.data)
		if err != nil {
			return nil, err
		}
		known = append(known, settings.FormKeys+"="+key)
	}
	log.Info("starting the handler")
	host, err := hostsim.New(hostsim.Config{
		Root:    o.root,
		Env:     slices.Concat(values, environ, known),
		Storage: at.Storage,
		Listen:  "127.0.0.1:" + strconv.Itoa(o.ports[httpPort].number),
		Log:     log,
	})
	if err != nil {
		return nil, err
	}
	err = host.Start(ctx)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: run make build", err)
	}
	if err != nil {
		return nil, err
	}
	// The handler answers at once; a page of it shows that all the rest does too.
	err = servesForm(ctx, host.URL()+"/signup")
	if err != nil {
		host.Stop()
		return nil, fmt.Errorf("the handler runs and does not serve the form: %w; see run.log in %s", err, o.data)
	}
	return host, nil
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
		return fmt.Errorf("GET %s was answered by %s", url, response.Status)
	}
	return nil
}

// localSettings is the file that Azure Functions Core Tools reads.
type localSettings struct {
	IsEncrypted bool
	Values      map[string]string
}

// readLocalSettings returns the values of the named file as an environment, or those of local.settings.json, or of the sample where that does
// not exist.
func readLocalSettings(root, name string) ([]string, error) {
	path := name
	if name == "" {
		path = filepath.Join(root, "local.settings.json")
	}
	content, err := os.ReadFile(path)
	if name == "" && errors.Is(err, os.ErrNotExist) {
		path = filepath.Join(root, "local.settings.sample.json")
		content, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, err
	}
	name = filepath.Base(path)
	var file localSettings
	err = json.Unmarshal(content, &file)
	if err != nil {
		return nil, fmt.Errorf("reading %s, whose Values must be strings: %w", name, err)
	}
	if file.IsEncrypted {
		return nil, fmt.Errorf("%s is encrypted: decrypt it by func settings decrypt", name)
	}
	var env []string
	for variable, value := range file.Values {
		env = append(env, variable+"="+value)
	}
	slices.Sort(env)
	return env, nil
}

// writeAddresses replaces the file as a whole, so that nobody reads half of it.
func writeAddresses(path string, at addresses) error {
	content, err := json.MarshalIndent(at, "", "  ")
	if err != nil {
		return err
	}
	err = os.WriteFile(path+".new", append(content, '\n'), 0o600)
	if err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
