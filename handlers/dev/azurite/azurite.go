package azurite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"guestlist/handlers/dev/internal/subprocess"
)

// InstallVariable is the environment variable that names the emulator's azurite.js if it is not
// in .local/npm.
const InstallVariable = "GUESTLIST_AZURITE"

// installPath is where "make setup" puts the emulator, relative to the folder of go.mod.
const installPath = ".local/npm/node_modules/azurite/dist/src/azurite.js"

// The public account of every Azurite
// (https://learn.microsoft.com/azure/storage/common/storage-connect-azurite).
const (
	accountName = "devstoreaccount1"
	accountKey  = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// startTimeout is how long a start may take. It takes a second, or up to a minute on a busy disk.
const startTimeout = 3 * time.Minute

// stopGrace is how long the emulator may take to write its files at the end.
const stopGrace = 10 * time.Second

// watchParent ends node when its standard input ends, because then the program that started it
// has ended. It does not keep node running after the services have closed.
const watchParent = `data:text/javascript,process.stdin.on('end',()=>process.exit(1)).resume().unref()`

// listening matches the emulator's line that a service accepts connections.
var listening = regexp.MustCompile(`^Azurite (Blob|Queue|Table) service is successfully listening at (http://127\.0\.0\.1:\d+)$`)

// Config says where and how the emulator runs.
type Config struct {
	// Location is the folder for the data, made if missing. If empty, the data is kept in memory.
	Location string
	// BlobPort, QueuePort and TablePort are ports on 127.0.0.1. 0 takes a free one.
	BlobPort, QueuePort, TablePort int
	// Log gets the emulator's output. Nil drops it.
	Log io.Writer
}

// Server is a running emulator.
type Server struct {
	process   *subprocess.Process
	endpoints map[string]string
	inMemory  bool
}

// Start starts the emulator and waits until all three services accept connections. ctx limits
// only the start: a started Server runs until Stop, or until this program ends.
//
// The error says what to do if the emulator or node is not installed or a port is taken.
func Start(ctx context.Context, config Config) (*Server, error) {
	script, err := install()
	if err != nil {
		return nil, err
	}
	args := []string{
		"--import", watchParent, script,
		"--silent", "--skipApiVersionCheck", "--disableTelemetry",
		"--blobHost", "127.0.0.1", "--blobPort", strconv.Itoa(config.BlobPort),
		"--queueHost", "127.0.0.1", "--queuePort", strconv.Itoa(config.QueuePort),
		"--tableHost", "127.0.0.1", "--tablePort", strconv.Itoa(config.TablePort),
	}
	inMemory := config.Location == ""
	if inMemory {
		args = append(args, "--inMemoryPersistence")
	} else {
		args = append(args, "--location", config.Location)
	}
	log := config.Log
	if log == nil {
		log = io.Discard
	}
	cmd := exec.Command("node", args...)
	if inMemory {
		// The emulator creates its working directory even if it does not need one.
		cmd.Dir = filepath.Dir(script)
	}
	// Never written to: see watchParent.
	_, err = cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("starting Azurite: %w", err)
	}
	// One pipe for both streams. It ends with the child, and so does its reader.
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting Azurite: %w", err)
	}
	cmd.Stdout, cmd.Stderr = writer, writer
	process, err := subprocess.Start(cmd)
	_ = writer.Close()
	if err != nil {
		_ = reader.Close()
		if errors.Is(err, exec.ErrNotFound) {
			return nil, errors.New("starting Azurite: node is not on the PATH; install Node.js 20 or newer")
		}
		return nil, fmt.Errorf("starting Azurite: %w", err)
	}
	ready := make(chan map[string]string, 1)
	last := make(chan string, 1)
	go follow(reader, log, ready, last)

	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("no answer within %s", startTimeout))
	defer cancel()
	select {
	case endpoints := <-ready:
		return &Server{process: process, endpoints: endpoints, inMemory: inMemory}, nil
	case line := <-last:
		_ = process.Kill()
		return nil, fmt.Errorf("starting Azurite: it ended at once (%w): %s", process.Wait(), line)
	case <-ctx.Done():
		_ = process.Kill()
		return nil, fmt.Errorf("starting Azurite: %w", context.Cause(ctx))
	}
}

// follow copies the emulator's output to log. It sends the endpoints when all services are ready,
// and the last line when the output ends.
func follow(output io.ReadCloser, log io.Writer, ready chan<- map[string]string, last chan<- string) {
	defer output.Close()
	endpoints := map[string]string{}
	line := "no output"
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		line = lines.Text()
		_, _ = fmt.Fprintln(log, line)
		match := listening.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		endpoints[match[1]] = match[2]
		if len(endpoints) == 3 {
			ready <- endpoints
		}
	}
	// A line too long for the scanner must not block the emulator on a full pipe.
	_, _ = io.Copy(log, output)
	last <- line
}

// ConnectionString returns a connection string with all three endpoints.
func (s *Server) ConnectionString() string {
	text := "DefaultEndpointsProtocol=http;AccountName=" + accountName + ";AccountKey=" + accountKey + ";"
	for _, service := range []string{"Blob", "Queue", "Table"} {
		text += service + "Endpoint=" + s.endpoints[service] + "/" + accountName + ";"
	}
	return text
}

// Ports returns the ports of the blob, queue and table services.
func (s *Server) Ports() (blob, queue, table int) {
	port := func(service string) int {
		endpoint := s.endpoints[service]
		number, _ := strconv.Atoi(endpoint[strings.LastIndexByte(endpoint, ':')+1:]) // see listening
		return number
	}
	return port("Blob"), port("Queue"), port("Table")
}

// Done is closed when the emulator has ended, by Stop or by itself.
func (s *Server) Done() <-chan struct{} { return s.process.Done() }

// Stop ends the emulator. Data on disk is complete when Stop returns. Stop may be called twice.
func (s *Server) Stop() error {
	if s.inMemory {
		return s.process.Kill()
	}
	return s.process.Stop(syscall.SIGTERM, stopGrace)
}

// install returns the path of the emulator's main script: the value of InstallVariable, or the
// pinned one of the module of the working directory.
func install() (string, error) {
	path := os.Getenv(InstallVariable)
	if path != "" {
		path, err := filepath.Abs(path)
		if err != nil {
			return "", fmt.Errorf("finding Azurite by %s: %w", InstallVariable, err)
		}
		_, err = os.Stat(path)
		if err != nil {
			return "", fmt.Errorf("finding Azurite by %s, which must name its azurite.js: %w", InstallVariable, err)
		}
		return path, nil
	}
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding Azurite: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		_, err := os.Stat(filepath.Join(dir, "go.mod"))
		if err == nil {
			path := filepath.Join(dir, filepath.FromSlash(installPath))
			_, err := os.Stat(path)
			if err != nil {
				return "", fmt.Errorf("finding Azurite: it is not installed; run make setup, or set %s to its azurite.js", InstallVariable)
			}
			return path, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("finding Azurite: neither the working directory nor a folder above has a go.mod; set %s to its azurite.js", InstallVariable)
		}
	}
}
