package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"guestlist/handlers/dev/internal/subprocess"
	"guestlist/handlers/submission"
	"guestlist/handlers/web/guard"
)

func main() {
	handler := flag.String("handler", "bin/handler", "the built handler")
	beside := flag.String("beside", "", "another `handler` of sign-ups to compare with")
	rows := flag.Int("rows", 100_000, "policy rows in the large table")
	flag.Parse()
	err := run(context.Background(), *handler, *beside, *rows)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures and prints every figure. beside is the path of another handler, or empty.
func run(ctx context.Context, handler, beside string, rows int) error {
	handler, err := filepath.Abs(handler)
	if err != nil {
		return err
	}
	info, err := os.Stat(handler)
	if err != nil {
		return fmt.Errorf("%w (run make build first)", err)
	}
	dir, err := os.MkdirTemp("", "guestlist-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bare := filepath.Join(dir, "bare")
	build := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", bare, "./handlers/dev/cmd/bench/bare")
	output, err := build.CombinedOutput()
	if err != nil {
		return fmt.Errorf("building the bare program: %w\n%s", err, output)
	}

	figure("stripped binary", "%.1f MB (at most 45)", float64(info.Size())/1e6)
	world, err := newWorld(ctx)
	if err != nil {
		return err
	}
	defer world.stop()
	for _, part := range []struct {
		name    string
		measure func() error
	}{
		{"starts", func() error { return starts(ctx, handler, bare, world.environment()) }},
		{"envelopes", func() error { return envelopes(ctx, handler, bare, beside, world.environment()) }},
		{"sign-ups", func() error { return signUps(ctx, handler, world) }},
		{"votes", func() error { return votes(ctx, handler, world) }},
		{"policy look-ups", func() error { return lookups(ctx, world, rows) }},
		{"how a full queue is worked off", drains},
		{"waiting in turn", fairness},
		{"upkeep", func() error { return upkeep(ctx) }},
	} {
		err := part.measure()
		if err != nil {
			return fmt.Errorf("measuring %s: %w", part.name, err)
		}
	}
	return nil
}

func figure(name, format string, args ...any) {
	fmt.Printf("%-44s %s\n", name, fmt.Sprintf(format, args...))
}

// process is a running program that answers at address.
type process struct {
	*subprocess.Process
	address string
}

// start starts a program as the Functions host does, and waits for its first answer.
func start(ctx context.Context, program string, env []string) (process, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return process{}, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	err = listener.Close()
	if err != nil {
		return process{}, err
	}
	cmd := exec.Command(program)
	cmd.Env = append(slices.Clone(env), "FUNCTIONS_CUSTOMHANDLER_PORT="+strconv.Itoa(port))
	cmd.Stderr = os.Stderr // standard output is dropped, because reading it is the work of the host
	started, err := subprocess.Start(cmd)
	if err != nil {
		return process{}, err
	}
	p := process{started, "http://127.0.0.1:" + strconv.Itoa(port)}
	for {
		response, err := http.Get(p.address + "/")
		if err == nil {
			return p, response.Body.Close()
		}
		select {
		case <-p.Done():
			return p, errors.New(filepath.Base(program) + " ended before it answered")
		case <-ctx.Done():
			return p, ctx.Err()
		case <-time.After(200 * time.Microsecond):
		}
	}
}

// starts measures the time from the start of each program to its first answer on GET /, in turns.
func starts(ctx context.Context, handler, bare string, env []string) error {
	const runs = 20
	var ours, theirs []time.Duration
	for i := range runs + 1 {
		for _, side := range []struct {
			program string
			into    *[]time.Duration
		}{{handler, &ours}, {bare, &theirs}} {
			begun := time.Now()
			p, err := start(ctx, side.program, env)
			took := time.Since(begun)
			if err != nil {
				return err
			}
			err = p.Kill()
			if err != nil {
				return err
			}
			if i > 0 { // the first pair warms the page cache
				*side.into = append(*side.into, took)
			}
		}
	}
	a, b := median(ours), median(theirs)
	figure("process start to first answer", "%.1f ms; bare program %.1f ms; ratio %.2f (at most 3), medians of %d",
		ms(a), ms(b), float64(a)/float64(b), runs)
	return nil
}

// rounds is how often the programs are measured in turn, and eachRound with how many sign-ups. On a
// busy machine a single round says little; the median of many pairs does.
const (
	rounds    = 15
	eachRound = 2000
)

// envelopes measures how many sign-up envelopes each program answers in a second, and what a
// sign-up costs it. The programs take turns, and the order changes, so that other work on the
// machine meets them alike.
func envelopes(ctx context.Context, handler, bare, beside string, env []string) error {
	programs := []string{handler, bare}
	if beside != "" {
		programs = append(programs, beside)
	}
	var running []process
	for _, program := range programs {
		p, err := start(ctx, program, env)
		if err != nil {
			return err
		}
		defer p.Kill()
		running = append(running, p)
	}
	body := signUpEnvelope("ana.silva@contoso.com")
	first, err := post(http.DefaultClient, running[0].address+"/signup-http", body)
	if err != nil || first.Outputs.Res.StatusCode != http.StatusAccepted {
		return fmt.Errorf("a sign-up is answered with status %d, error %v", first.Outputs.Res.StatusCode, err)
	}
	rates, costs := make([][]float64, len(running)), make([][]float64, len(running))
	for round := range rounds + 1 {
		for n := range running {
			i := n
			if round%2 == 1 {
				i = len(running) - 1 - n
			}
			answered, cost, err := running[i].rate(body, eachRound)
			if err != nil {
				return err
			}
			if round > 0 { // the first one warms up
				rates[i], costs[i] = append(rates[i], answered), append(costs[i], cost)
			}
		}
	}
	figure("sign-up envelopes answered", "%.0f/s, %.0f us of processor time each; medians of %d rounds of %d",
		median(rates[0]), median(costs[0]), rounds, eachRound)
	for i := range running[1:] {
		other := i + 1
		name, least := "the bare handler", 0.5
		if other > 1 {
			name, least = filepath.Base(beside), 0.8
		}
		figure("compared with "+name, "%.0f/s, %.0f us; ratio of the rates %.2f (at least %.1f), of the processor time %.2f, medians of pairs",
			median(rates[other]), median(costs[other]), median(ratios(rates[0], rates[other])), least, median(ratios(costs[other], costs[0])))
	}
	return nil
}

// ratios returns a[i]/b[i].
func ratios(a, b []float64) []float64 {
	quotients := make([]float64, len(a))
	for i := range a {
		quotients[i] = a[i] / b[i]
	}
	return quotients
}

// rate posts the envelope n times from several clients. It returns answers per second, and the
// microseconds of processor time that the program took for each. It does not decode the answers,
// because that would count as the program's time.
func (p process) rate(body []byte, n int) (perSecond, cost float64, err error) {
	const clients = 4
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var group sync.WaitGroup
	failures := make([]error, clients)
	before, err := processorTime(p.PID())
	if err != nil {
		return 0, 0, err
	}
	begun := time.Now()
	for c := range clients {
		group.Go(func() {
			for range n / clients {
				response, err := client.Post(p.address+"/signup-http", "application/json; charset=utf-8", bytes.NewReader(body))
				if err != nil {
					failures[c] = err
					return
				}
				_, err = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close() // the body has been read
				if err != nil || response.StatusCode != http.StatusOK {
					failures[c] = fmt.Errorf("an envelope is answered with %s, error %v", response.Status, err)
					return
				}
			}
		})
	}
	group.Wait()
	took := time.Since(begun)
	after, err := processorTime(p.PID())
	return float64(n) / took.Seconds(), float64((after - before).Microseconds()) / float64(n), errors.Join(append(failures, err)...)
}

// clockTick is the unit of the times in /proc/PID/stat: USER_HZ, which is 100 for all programs on
// Linux (proc(5), time(7)).
const clockTick = time.Second / 100

// processorTime returns how long the process has run, in its own code and in the kernel's for it.
func processorTime(pid int) (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("reading the processor time (Linux only): %w", err)
	}
	// The name of the program is in brackets and may hold spaces. utime and stime are the 12th and
	// 13th field after it.
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, errors.New("reading the processor time: /proc/PID/stat is too short")
	}
	user, err := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return time.Duration(user+system) * clockTick, errors.Join(err, err2)
}

// answer is the part of a handler's answer that is needed here.
type answer struct {
	Outputs struct {
		Res struct {
			StatusCode int `json:"statusCode"`
		} `json:"res"`
		Signups string `json:"signups"`
	}
}

// post sends an envelope and returns the answer. A status other than 200 is an error.
func post(client *http.Client, url string, body []byte) (answer, error) {
	response, err := client.Post(url, "application/json; charset=utf-8", bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	if response.StatusCode != http.StatusOK {
		return answer{}, fmt.Errorf("POST %s: %s", url, response.Status)
	}
	var a answer
	err = json.Unmarshal(data, &a)
	return a, err
}

// key is the handler's key for forms and for JSON.
const key = "5CqS0TQ0gfnLOyUg7m4Zt3iVb8rXw1Pa"

// signUpEnvelope is what the Functions host sends for a JSON submission.
func signUpEnvelope(email string) []byte {
	body := encoded(map[string]string{
		"email": email, "givenName": "Ana", "familyName": "Silva", "company": "Contoso Ltd", "country": "PT",
		"reason": "We build the portal for the spring campaign together.", "language": "pt-PT",
	})
	headers := map[string][]string{
		"Content-Type": {"application/json"}, "Content-Length": {strconv.Itoa(len(body))}, "Host": {"signup.example.com"},
		"Accept": {"application/json"}, "Accept-Language": {"pt-PT,pt;q=0.9,en;q=0.8"}, "User-Agent": {"Mozilla/5.0"},
		guard.KeyHeader: {key},
	}
	return encoded(map[string]any{
		"Data": map[string]any{"req": map[string]any{
			"Url": "https://signup.example.com/signup", "Method": "POST", "Query": map[string]string{}, "Headers": headers,
			"Params": map[string]string{}, "Identities": []any{map[string]any{"AuthenticationType": nil, "IsAuthenticated": false, "Claims": []any{}}},
			"Body": string(body),
		}},
		"Metadata": map[string]any{
			"email": strconv.Quote(email), "Query": map[string]string{}, "Headers": map[string]string{"Host": "signup.example.com"},
			"sys": map[string]string{"MethodName": "signup-http", "UtcNow": "2026-05-04T09:00:00Z", "RandGuid": "1f3d7d3e-9b0c-4b7e-8a64-0f6f5bb0a001"},
		},
	})
}

// messageEnvelope is what the host sends to a function for a queue message.
func messageEnvelope(function string, message []byte) []byte {
	return encoded(map[string]any{
		"Data": map[string]any{"message": base64.StdEncoding.EncodeToString(message)},
		"Metadata": map[string]any{
			"DequeueCount": "1", "Id": `"1f3d7d3e-9b0c-4b7e-8a64-0f6f5bb0a001"`,
			"sys": map[string]string{"MethodName": function, "UtcNow": "2026-05-04T09:00:00Z", "RandGuid": "1f3d7d3e-9b0c-4b7e-8a64-0f6f5bb0a001"},
		},
	})
}

// encoded returns the JSON of a value that always encodes.
func encoded(value any) []byte {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return data
}

// partners is how many sign-ups are measured, of each kind.
const partners = 200

// signUps takes partners from the form to the group and measures memory and calls, first without a
// proof of the mailbox and then with one.
func signUps(ctx context.Context, handler string, w *world) error {
	storage, directory, err := unprovedSignUps(ctx, handler, w)
	if err != nil {
		return err
	}
	return provedSignUps(ctx, handler, w, storage, directory)
}

// unprovedSignUps returns how many calls of storage and of Graph a guest costs.
func unprovedSignUps(ctx context.Context, handler string, w *world) (storage, directory float64, err error) {
	p, err := start(ctx, handler, w.environment())
	if err != nil {
		return 0, 0, err
	}
	defer p.Kill()
	started, err := memory(p.PID())
	if err != nil {
		return 0, 0, err
	}
	w.storageCalls.clear()
	w.graphCalls.clear()
	begun := time.Now()
	for i := range partners {
		_, err = p.signUp(fmt.Sprintf("partner.%d@contoso.com", i))
		if err != nil {
			return 0, 0, err
		}
	}
	took := time.Since(begun)
	resident, err := memory(p.PID())
	if err != nil {
		return 0, 0, err
	}
	if n := len(w.tenant.Memberships()); n != partners {
		return 0, 0, fmt.Errorf("%d of %d partners are members of the group", n, partners)
	}
	storage, directory = float64(w.storageCalls.total())/partners, float64(w.graphCalls.total())/partners
	figure("resident memory", "%.1f MB after start, %.1f MB after %d sign-ups (at most 40), of which %.1f MB pages of the program's own file",
		started["VmRSS"], resident["VmRSS"], partners, resident["RssFile"])
	figure("storage transactions per invited guest", "%.2f with one group: %s", storage, w.storageCalls.perGuest(partners))
	figure("Graph calls per invited guest", "%.2f with one group: %s", directory, w.graphCalls.perGuest(partners))
	figure("a sign-up, form to group, one after another", "%.1f ms, emulator included", ms(took)/partners)
	return storage, directory, nil
}

// provedSignUps measures partners who type the code that is mailed to them and get the app's own
// invitation mail, beside what a guest without a proof costs.
func provedSignUps(ctx context.Context, handler string, w *world, storage, directory float64) error {
	p, err := start(ctx, handler, w.mailEnvironment())
	if err != nil {
		return err
	}
	defer p.Kill()
	w.storageCalls.clear()
	w.graphCalls.clear()
	begun := time.Now()
	for i := range partners {
		id, err := p.signUp(fmt.Sprintf("proved.%d@contoso.com", i))
		if err != nil {
			return err
		}
		mails := w.service.Mails()
		code := mailedCode.FindStringSubmatch(mails[max(0, len(mails)-1)].Text)
		if code == nil {
			return fmt.Errorf("the last of %d mails has no code", len(mails))
		}
		message, err := submission.Message{ID: id, Kind: submission.Prove, Code: code[1] + code[2]}.Encode()
		if err != nil {
			return err
		}
		_, err = post(http.DefaultClient, p.address+"/invite-queue", messageEnvelope("invite-queue", message))
		if err != nil {
			return err
		}
	}
	took := time.Since(begun)
	if n := len(w.tenant.Memberships()); n != 2*partners || len(w.service.Mails()) != 2*partners {
		return fmt.Errorf("after %d proofs there are %d memberships and %d mails", partners, n, len(w.service.Mails()))
	}
	proved, asked := float64(w.storageCalls.total())/partners, float64(w.graphCalls.total())/partners
	figure("storage transactions per proved guest", "%.2f with one group and the app's own invitation mail, %.2f more (at most 6): %s",
		proved, proved-storage, w.storageCalls.perGuest(partners))
	figure("Graph calls per proved guest", "%.2f, %.2f more (at most 0): %s", asked, asked-directory, w.graphCalls.perGuest(partners))
	figure("calls of the mail service per proved guest", "%.2f: %s; a look at the second mail follows ten minutes later",
		float64(w.mailCalls.total())/partners, w.mailCalls.perGuest(partners))
	figure("a proved sign-up, form to invitation mail", "%.1f ms one after another, emulator included", ms(took)/partners)
	return nil
}

// mailedCode is the line of a mail with a code.
var mailedCode = regexp.MustCompile(`(?m)^\s*(\d{4}) (\d{4})\s*$`)

// signUp sends the form of a partner, delivers its message, and returns the id of the request.
func (p process) signUp(email string) (submission.ID, error) {
	a, err := post(http.DefaultClient, p.address+"/signup-http", signUpEnvelope(email))
	if err != nil {
		return "", err
	}
	body, err := base64.StdEncoding.DecodeString(a.Outputs.Signups)
	if err != nil || a.Outputs.Res.StatusCode != http.StatusAccepted {
		return "", fmt.Errorf("the sign-up of %s: status %d, message error %v", email, a.Outputs.Res.StatusCode, err)
	}
	message, err := submission.DecodeMessage(body)
	if err != nil {
		return "", err
	}
	_, err = post(http.DefaultClient, p.address+"/invite-queue", messageEnvelope("invite-queue", body))
	return message.ID, err
}

var memoryLine = regexp.MustCompile(`(?m)^(\w+):\s+(\d+) kB$`)

// memory returns the memory figures of a process from /proc, in megabytes by name.
func memory(pid int) (map[string]float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return nil, fmt.Errorf("reading the resident set (Linux only): %w", err)
	}
	figures := map[string]float64{}
	for _, found := range memoryLine.FindAllStringSubmatch(string(data), -1) {
		kilobytes, err := strconv.ParseFloat(found[2], 64)
		if err != nil {
			return nil, fmt.Errorf("reading the resident set: %w", err)
		}
		figures[found[1]] = kilobytes * 1024 / 1e6
	}
	return figures, nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func median[T time.Duration | float64](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
