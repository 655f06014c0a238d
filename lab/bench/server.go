package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

// unusedRoot makes the server the root of a planet, so that it contacts no other
// root. Nobody is there; members get a planet of their own (swarm.go).
const unusedRoot = "10.255.255.1/9993"

const (
	startWithin = 60 * time.Second // includes the search for an identity
	stopWithin  = 10 * time.Second
)

// server is an Orrery that runs as a process of its own.
type server struct {
	command  *exec.Cmd
	ended    chan struct{}
	identity *identity.Identity // public
	udp      netip.AddrPort
	url      string
	token    string
	client   http.Client
}

// moduleRoot is the folder of the module that this program is run from.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	file := strings.TrimSpace(string(out))
	if file == "" || file == os.DevNull {
		return "", errors.New("find the module: run this inside the repository")
	}
	return filepath.Dir(file), nil
}

// startServer builds the program from the module and runs it with its data in a
// folder.
func startServer(ctx context.Context, module, folder string, verbose bool) (*server, error) {
	binary := filepath.Join(folder, "orrery")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "./cmd/orrery")
	build.Dir, build.Stderr = module, os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("build orrery: %w", err)
	}
	udp, tcp, err := freePorts()
	if err != nil {
		return nil, err
	}
	data := filepath.Join(folder, "data")
	s := &server{
		ended: make(chan struct{}), udp: udp, url: "http://" + tcp.String(),
		client: http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: apiClients}},
	}
	s.command = exec.Command(binary, "serve", "--data", data, "--udp", udp.String(), "--http", tcp.String(), "--root", unusedRoot,
		"--rate-limit", "0") // the bench is one user
	// usage.heap relies on GOGC; the rest is the environment of the caller.
	s.command.Env = append(os.Environ(), "GOGC=100")
	if verbose {
		s.command.Stderr = os.Stderr
	}
	if err := s.command.Start(); err != nil {
		return nil, fmt.Errorf("start orrery: %w", err)
	}
	go func() {
		_ = s.command.Wait()
		close(s.ended)
	}()
	if err := s.ready(ctx, data); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func freePorts() (udp, tcp netip.AddrPort, err error) {
	u, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return udp, tcp, fmt.Errorf("find a free port: %w", err)
	}
	defer u.Close()
	t, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return udp, tcp, fmt.Errorf("find a free port: %w", err)
	}
	defer t.Close()
	return u.LocalAddr().(*net.UDPAddr).AddrPort(), t.Addr().(*net.TCPAddr).AddrPort(), nil
}

// ready waits until the server serves and reads who it is.
func (s *server) ready(ctx context.Context, data string) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		if _, err := s.get(ctx, "/readyz"); err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return errors.New("the server did not get ready; run with -v to see its log")
		case <-s.ended:
			return errors.New("the server ended at once; run with -v to see its log")
		case <-time.After(20 * time.Millisecond):
		}
	}
	token, err := os.ReadFile(filepath.Join(data, "owner.token"))
	if err != nil {
		return err
	}
	public, err := os.ReadFile(filepath.Join(data, "identity.public"))
	if err != nil {
		return err
	}
	s.token = strings.TrimSpace(string(token))
	s.identity, err = identity.ParseText(strings.TrimSpace(string(public)))
	return err
}

// stop ends the process in good order, or kills it.
func (s *server) stop() error {
	_ = s.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
		return nil
	case <-time.After(stopWithin):
		_ = s.command.Process.Kill()
		<-s.ended
		return fmt.Errorf("the server did not stop within %s", stopWithin)
	}
}

// createNetwork makes a network with a /16 to take addresses from.
func (s *server) createNetwork(ctx context.Context, number int, private bool) (zt.NetworkID, error) {
	prefix := fmt.Sprintf("10.%d", number%250+1)
	body := fmt.Sprintf(`{"config":{"name":"bench %d","private":%t,"routes":[{"target":"%s.0.0/16"}],`+
		`"ipAssignmentPools":[{"ipRangeStart":"%s.0.1","ipRangeEnd":"%s.255.254"}],"v4AssignMode":{"zt":true}}}`,
		number, private, prefix, prefix, prefix)
	answer, err := s.post(ctx, "/network", body)
	if err != nil {
		return 0, err
	}
	var made struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(answer, &made); err != nil {
		return 0, fmt.Errorf("create a network: %w", err)
	}
	return zt.ParseNetworkID(made.ID)
}

// authorize lets a node in, or puts it out.
func (s *server) authorize(ctx context.Context, network zt.NetworkID, node zt.Address, in bool) error {
	_, err := s.post(ctx, fmt.Sprintf("/network/%s/member/%s", network, node), fmt.Sprintf(`{"config":{"authorized":%t}}`, in))
	return err
}

func (s *server) post(ctx context.Context, path, body string) ([]byte, error) {
	return s.call(ctx, http.MethodPost, "/api/v1"+path, body)
}

func (s *server) get(ctx context.Context, path string) ([]byte, error) {
	return s.call(ctx, http.MethodGet, path, "")
}

func (s *server) call(ctx context.Context, method, path, body string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "token "+s.token)
	answer, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, bytes.TrimSpace(content))
	}
	return content, err
}

// usage is what the server has used and done up to a moment, from its metrics.
type usage struct {
	at       time.Time
	cpu      time.Duration // user and system, in steps of 10 ms
	resident float64       // bytes
	// heap is what survived the last garbage collection, in bytes: half of the
	// collector's goal, which with GOGC=100 is twice that.
	heap        float64
	collections float64
	answered    float64 // configuration requests answered with a configuration
	tooSoon     float64 // requests that the gate held back
	overloaded  float64
	validations float64 // of identities, so far
	waiting     float64 // identities that wait for that, and packets that wait for an identity
}

func (s *server) usage(ctx context.Context) (usage, error) {
	text, err := s.get(ctx, "/metrics")
	if err != nil {
		return usage{}, err
	}
	u := usage{at: time.Now()}
	var cpu, goal, unvalidated, waiting float64
	wanted := map[string]*float64{
		"process_cpu_seconds_total":                            &cpu,
		"process_resident_memory_bytes":                        &u.resident,
		"go_memstats_next_gc_bytes":                            &goal,
		"go_gc_duration_seconds_count":                         &u.collections,
		`orrery_config_replies_total{kind="ok"}`:               &u.answered,
		`orrery_config_dropped_total{reason="too_soon"}`:       &u.tooSoon,
		`orrery_config_dropped_total{reason="overloaded"}`:     &u.overloaded,
		`orrery_vl1_size{table="validation_queue"}`:            &unvalidated,
		`orrery_vl1_size{table="waiting_packets"}`:             &waiting,
		`orrery_vl1_events_total{event="identity_validation"}`: &u.validations,
	}
	found := 0
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "} ")
		if value == "" {
			name, value, _ = strings.Cut(lines.Text(), " ")
		} else {
			name += "}"
		}
		if to := wanted[name]; to != nil {
			if *to, err = strconv.ParseFloat(value, 64); err != nil {
				return usage{}, fmt.Errorf("metric %s: %w", name, err)
			}
			found++
		}
	}
	if found != len(wanted) {
		return usage{}, fmt.Errorf("the server shows %d of %d metrics", found, len(wanted))
	}
	u.cpu, u.heap = time.Duration(cpu*float64(time.Second)), goal/2
	u.waiting = unvalidated + waiting
	return u, nil
}

// settledCollections are enough for pools to let go of what nobody uses.
const settledCollections = 3

// settled is usage when nothing waits any more and after fresh garbage
// collections. Asking for the metrics makes garbage enough.
func (s *server) settled(ctx context.Context) (usage, error) {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	first := usage{waiting: 1}
	for {
		u, err := s.usage(ctx)
		switch {
		case err != nil:
			return usage{}, fmt.Errorf("wait for a garbage collection: %w", err)
		case first.waiting > 0:
			first = u
		case u.collections >= first.collections+settledCollections:
			return u, nil
		}
	}
}
