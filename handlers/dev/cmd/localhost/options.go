package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

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

// The indices of options.ports.
const (
	httpPort = iota
	graphPort
	mailPort
	signInPort
	noticePort
	blobPort
	queuePort
	tablePort
)

// readOptions reads the flags. A port without a flag comes from the environment.
func readOptions(args, environ []string, stderr io.Writer) (options, error) {
	o := options{ports: []port{
		httpPort:   {"port", "PORT", "the form; 0 takes free ports for everything that is not chosen", 7071},
		graphPort:  {"graph-port", "GRAPH_PORT", "the Graph stand-in", 7090},
		mailPort:   {"mail-port", "MAIL_PORT", "the mail stand-in", 7091},
		signInPort: {"sign-in-port", "SIGN_IN_PORT", "the sign-in stand-in", 7092},
		noticePort: {"notice-port", "NOTICE_PORT", "the stand-in for channels", 7093},
		blobPort:   {"blob-port", "AZURITE_BLOB_PORT", "the storage emulator's blobs", 10000},
		queuePort:  {"queue-port", "AZURITE_QUEUE_PORT", "the storage emulator's queues", 10001},
		tablePort:  {"table-port", "AZURITE_TABLE_PORT", "the storage emulator's tables", 10002},
	}}
	flags := flag.NewFlagSet("localhost", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.root, "root", "", "folder of host.json (default: the working directory or the nearest folder above)")
	flags.StringVar(&o.data, "data", "", "folder for data, logs and addresses (default: .local in the root)")
	flags.StringVar(&o.settings, "settings", "", "file of local settings (default: local.settings.json in the root, or the sample there)")
	flags.BoolVar(&o.noHost, "no-host", false, "do not start the host and the handler: func start does")
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
	chosen := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { chosen[f.Name] = true })
	err = o.readPorts(environ, chosen)
	if err != nil {
		return options{}, err
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

// readPorts reads the ports that no flag has chosen from the environment, and adds them to
// chosen.
func (o *options) readPorts(environ []string, chosen map[string]bool) error {
	for i := range o.ports {
		p := &o.ports[i]
		text := variable(environ, p.variable)
		if !chosen[p.flag] && text != "" {
			var err error
			p.number, err = strconv.Atoi(text)
			if err != nil {
				return fmt.Errorf("%s must be a number, 0 for a free port", p.variable)
			}
			chosen[p.flag] = true
		}
		if p.number < 0 || p.number > 65535 {
			return fmt.Errorf("-%s or %s must be from 0 to 65535, 0 for a free port", p.flag, p.variable)
		}
	}
	if o.ports[httpPort].number != 0 {
		return nil
	}
	for i := range o.ports {
		if !chosen[o.ports[i].flag] {
			o.ports[i].number = 0
		}
	}
	return nil
}

// checkPorts tries every chosen port, because the error that a part gives for a taken port is
// less clear.
func (o options) checkPorts() error {
	for i, p := range o.ports {
		if p.number == 0 || i == httpPort && o.noHost {
			continue
		}
		listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(p.number))
		if err != nil {
			return fmt.Errorf("port %d, for %s, is taken: stop what uses it, or choose another with %s=... or -%s, or use free ports for everything with PORT=0 (%w)",
				p.number, subject(i), p.variable, p.flag, err)
		}
		err = listener.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func subject(port int) string {
	switch port {
	case httpPort:
		return "the form"
	case graphPort:
		return graphStandIn.name
	case mailPort:
		return mailStandIn.name
	case signInPort:
		return signInStandIn.name
	case noticePort:
		return noticeStandIn.name
	default:
		return "the storage emulator"
	}
}

// variable returns the value of an environment variable. Of two values the later one counts.
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
			return "", errors.New("no host.json here or in a folder above: run this in the project, or name its folder with -root")
		}
	}
}
