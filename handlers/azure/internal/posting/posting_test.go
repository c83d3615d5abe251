package posting

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"golang.org/x/net/dns/dnsmessage"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

const id request.NoticeID = "7e2bc89e-f611-876b-bec2-c7d48b3787e7"

func TestGuardAllowsPublicAddressesOnly(t *testing.T) {
	for text, allowed := range map[string][3]bool{ // for the Internet, with private endpoints, for a stand-in
		"8.8.8.8":                {true, true, false},
		"20.38.98.100":           {true, true, false},
		"2603:1030::1":           {true, true, false},
		"::ffff:8.8.8.8":         {true, true, false},
		"127.0.0.1":              {false, false, true},
		"127.8.9.10":             {false, false, true},
		"::1":                    {false, false, true},
		"::ffff:127.0.0.1":       {false, false, true},
		"10.0.0.5":               {false, true, false},
		"172.16.0.1":             {false, true, false},
		"172.31.255.255":         {false, true, false},
		"192.168.1.1":            {false, true, false},
		"::ffff:10.0.0.5":        {false, true, false},
		"fc00::1":                {false, true, false},
		"fd12:3456::1":           {false, true, false},
		"169.254.169.254":        {false, false, false}, // metadata of Azure and others
		"::ffff:169.254.169.254": {false, false, false},
		"168.63.129.16":          {false, false, false}, // the platform of Azure
		"fd00:ec2::254":          {false, false, false}, // metadata of another cloud
		"100.100.100.200":        {false, false, false}, // and of another
		"192.0.0.192":            {false, false, false}, // and of another
		"0.0.0.0":                {false, false, false},
		"0.1.2.3":                {false, false, false},
		"100.64.0.1":             {false, false, false},
		"198.18.0.1":             {false, false, false},
		"203.0.113.7":            {false, false, false},
		"224.0.0.1":              {false, false, false},
		"255.255.255.255":        {false, false, false},
		"::":                     {false, false, false},
		"fe80::1":                {false, false, false},
		"fe80::1%eth0":           {false, false, false},
		"2603:1030::1%eth0":      {false, false, false},
		"ff02::1":                {false, false, false},
		"::7f00:1":               {false, false, false}, // 127.0.0.1 in an old form
		"64:ff9b::7f00:1":        {false, false, false}, // and behind NAT64
		"2002:7f00:1::1":         {false, false, false}, // and in 6to4
		"2001::1":                {false, false, false}, // Teredo
		"2001:db8::1":            {false, false, false},
		"3fff::1":                {false, false, false},
	} {
		address := netip.MustParseAddr(text)
		for i, guard := range []Guard{{}, {Private: true}, {StandIn: true}} {
			if guard.Allows(address) != allowed[i] {
				t.Errorf("%+v allows %s: %t", guard, text, !allowed[i])
			}
		}
	}
}

// nameServer returns a resolver for which every name has the addresses that answer returns, anew
// for each question.
func nameServer(t *testing.T, answer func() []netip.Addr) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		packet := make([]byte, 1<<12)
		for {
			n, from, err := conn.ReadFrom(packet)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(packet[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			q := m.Questions[0]
			m.Response, m.Additionals = true, nil
			for _, address := range answer() {
				header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
				switch {
				case address.Is4() && q.Type == dnsmessage.TypeA:
					m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: address.As4()}})
				case address.Is6() && q.Type == dnsmessage.TypeAAAA:
					m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: address.As16()}})
				}
			}
			reply, err := m.Pack()
			if err == nil {
				_, _ = conn.WriteTo(reply, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// newPoster returns a poster to the address.
func newPoster(t *testing.T, address string, change func(*Config)) *Poster {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	config := Config{Channel: "webhook", URL: u, Taken: func(Answer) bool { return true }}
	if change != nil {
		change(&config)
	}
	poster, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return poster
}

func wantCode(t *testing.T, err error, code problem.Code, says string) {
	t.Helper()
	if _, isProblem := err.(*problem.Error); !isProblem || problem.CodeOf(err) != code || !strings.Contains(err.Error(), says) {
		t.Errorf("%v (%T), want %s that says %q", err, err, code, says)
	}
	for _, secret := range []string{"secret", "example", "127.0.0.1", "::1", "localhost", "://"} {
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%v holds %q", err, secret)
		}
	}
}

// TestNameCannotLeadIntoTheNetwork: what counts is the address that a connection is made to, and
// not one that was looked up before.
func TestNameCannotLeadIntoTheNetwork(t *testing.T) {
	for _, inside := range []string{"127.0.0.1", "::1", "10.0.0.5", "169.254.169.254", "168.63.129.16", "::ffff:127.0.0.1", "fe80::1", "0.0.0.0"} {
		resolver := nameServer(t, func() []netip.Addr { return []netip.Addr{netip.MustParseAddr(inside)} })
		poster := newPoster(t, "https://rebinding.example/secret", func(c *Config) { c.Resolver = resolver })
		wantCode(t, poster.Post(t.Context(), id, http.Header{}, nil), request.NoticeForbidden, "not public")
	}
	t.Run("another answer each time", func(t *testing.T) {
		var asked atomic.Int64
		resolver := nameServer(t, func() []netip.Addr {
			if asked.Add(1) <= 2 { // A and AAAA of the first look-up
				return nil
			}
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}
		})
		poster := newPoster(t, "https://rebinding.example/secret", func(c *Config) { c.Resolver = resolver })
		_, _ = resolver.LookupHost(t.Context(), "rebinding.example") // who looks first learns nothing bad
		wantCode(t, poster.Post(t.Context(), id, http.Header{}, nil), request.NoticeForbidden, "not public")
	})
	t.Run("an address in place of a name", func(t *testing.T) {
		for _, host := range []string{"127.0.0.1", "[::1]", "169.254.169.254", "0x7f000001", "localhost"} {
			poster := newPoster(t, "https://"+host+"/secret", func(c *Config) {
				c.Resolver = nameServer(t, func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("127.0.0.1")} })
			})
			wantCode(t, poster.Post(t.Context(), id, http.Header{}, nil), request.NoticeForbidden, "not public")
		}
	})
	t.Run("a stand-in reaches this machine only", func(t *testing.T) {
		resolver := nameServer(t, func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("8.8.8.8")} })
		poster := newPoster(t, "http://127.0.0.1/secret", func(c *Config) { c.Resolver, c.Guard.StandIn = resolver, true })
		poster.url = "http://rebinding.example/secret"
		wantCode(t, poster.Post(t.Context(), id, http.Header{}, nil), request.NoticeForbidden, "not public")
	})
}

func TestNoProxyIsAsked(t *testing.T) {
	poster := newPoster(t, "https://hooks.example/secret", nil)
	if poster.transport.Proxy != nil {
		t.Error("a proxy would connect to addresses that the guard has not seen")
	}
}

func TestUnknownHostIsUnreached(t *testing.T) {
	resolver := nameServer(t, func() []netip.Addr { return nil })
	poster := newPoster(t, "https://nobody.example/secret", func(c *Config) { c.Resolver = resolver })
	wantCode(t, poster.Post(t.Context(), id, http.Header{}, nil), request.NoticeUnreached, "can't be resolved")
}

// behindTLS returns a poster that calls the server by TLS on a loopback address.
func behindTLS(t *testing.T, server *httptest.Server, change func(*Config)) *Poster {
	t.Helper()
	poster := newPoster(t, "http://127.0.0.1/secret", func(c *Config) {
		c.Guard.StandIn = true
		if server.Certificate() != nil {
			c.Roots = x509.NewCertPool()
			c.Roots.AddCert(server.Certificate())
		}
		c.Timeout = 5 * time.Second
		if change != nil {
			change(c)
		}
	})
	poster.url = strings.Replace(server.URL, "http://", "https://", 1) + "/secret"
	return poster
}

func TestConnectionThatEndsBeforeTheRequestIsUnreached(t *testing.T) {
	t.Run("during the handshake", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Read(make([]byte, 64))
				_ = conn.Close()
			}
		}()
		poster := behindTLS(t, &httptest.Server{URL: "http://" + listener.Addr().String()}, nil)
		wantCode(t, poster.Post(t.Context(), id, http.Header{}, nil), request.NoticeUnreached, "")
	})
	t.Run("a certificate of nobody", func(t *testing.T) {
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of the poster
		server.StartTLS()
		defer server.Close()
		poster := behindTLS(t, server, func(c *Config) { c.Roots = x509.NewCertPool() })
		wantCode(t, poster.Post(t.Context(), id, http.Header{}, nil), request.NoticeUnreached, "certificate")
	})
	t.Run("no TLS", func(t *testing.T) {
		server := httptest.NewServer(http.NotFoundHandler())
		defer server.Close()
		wantCode(t, behindTLS(t, server, nil).Post(t.Context(), id, http.Header{}, nil), request.NoticeUnreached, "")
	})
	t.Run("a handshake that takes too long", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		poster := behindTLS(t, &httptest.Server{URL: "http://" + listener.Addr().String()}, func(c *Config) { c.Timeout = 50 * time.Millisecond })
		wantCode(t, poster.Post(t.Context(), id, http.Header{}, nil), request.NoticeUnreached, "no answer within 50ms")
	})
}

// credential gives a token, or does not.
type credential struct {
	token string
	err   error
}

func (c credential) GetToken(_ context.Context, options azpolicy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: c.token + " for " + options.Scopes[0], ExpiresOn: time.Now().Add(time.Hour)}, c.err
}

func TestTokenGoesToTheReceiver(t *testing.T) {
	var got string
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Authorization") }))
	defer server.Close()
	poster := behindTLS(t, server, nil)
	poster.config.Credential, poster.config.Scope = credential{token: "t"}, "https://receiver/.default"
	err := poster.Post(t.Context(), id, http.Header{}, nil)
	if err != nil || got != "Bearer t for https://receiver/.default" {
		t.Errorf("%q, %v", got, err)
	}
}

// refusal is an answer of the platform to the question for a token.
func refusal(status int) error {
	return &azidentity.AuthenticationFailedError{RawResponse: &http.Response{
		StatusCode: status, Body: io.NopCloser(strings.NewReader("secret")), Request: httptest.NewRequest(http.MethodGet, "http://127.0.0.1/secret", nil),
	}}
}

func TestWithoutTokenNothingIsSent(t *testing.T) {
	var arrived atomic.Bool
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived.Store(true) }))
	defer server.Close()
	for name, test := range map[string]struct {
		err  error
		want problem.Code
		says string
	}{
		"the platform does not answer": {errors.New("secret"), request.NoticeUnreached, "no token"},
		"the platform is busy":         {refusal(503), request.NoticeUnreached, "status 503"},
		"there is no such identity":    {refusal(400), request.NoticeForbidden, "status 400"},
	} {
		t.Run(name, func(t *testing.T) {
			u := &url.URL{Scheme: "https", Host: "receiver.example"}
			poster, err := New(Config{Channel: "teams", URL: u, Credential: credential{err: test.err}, Scope: "s"})
			if err != nil {
				t.Fatal(err)
			}
			poster.url = server.URL
			wantCode(t, poster.Post(t.Context(), id, http.Header{}, nil), test.want, test.says)
		})
	}
	if arrived.Load() {
		t.Error("a request without a token was sent")
	}
}

func TestConfigThatCantBeUsed(t *testing.T) {
	u := &url.URL{Scheme: "https", Host: "receiver.example"}
	for name, config := range map[string]Config{
		"no address":           {},
		"a negative timeout":   {URL: u, Timeout: -1},
		"tokens for nobody":    {URL: u, Credential: credential{}},
		"a token in the clear": {URL: &url.URL{Scheme: "http", Host: "127.0.0.1"}, Guard: Guard{StandIn: true}, Credential: credential{}, Scope: "s"},
		"a stand-in elsewhere": {URL: &url.URL{Scheme: "http", Host: "receiver.example"}, Guard: Guard{StandIn: true}},
		"a stand-in by TLS":    {URL: &url.URL{Scheme: "https", Host: "127.0.0.1"}, Guard: Guard{StandIn: true}},
	} {
		_, err := New(config)
		if err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
