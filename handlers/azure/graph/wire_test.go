package graph

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"guestlist/handlers/problem"
	"guestlist/handlers/request"
)

// reached is the end of a pipeline and records the requests.
type reached struct{ requests []*http.Request }

func (e *reached) Next(r *http.Request, _ int) (*http.Response, error) {
	e.requests = append(e.requests, r)
	return &http.Response{StatusCode: http.StatusNoContent}, nil
}

func TestGuardRefusesUnsafeRequests(t *testing.T) {
	tests := map[string]struct {
		bearer             bool
		url, authorization string
		leaves             bool
	}{
		"to Graph with a token":             {true, "https://graph.microsoft.com/v1.0/users", "Bearer x", true},
		"to the stand-in without one":       {false, "https://graph.microsoft.com/v1.0/users", "", true},
		"without a token":                   {true, "https://graph.microsoft.com/v1.0/users", "", false},
		"with an empty token":               {true, "https://graph.microsoft.com/v1.0/users", "Bearer ", false},
		"with something else":               {true, "https://graph.microsoft.com/v1.0/users", "Basic x", false},
		"with an unexpected token":          {false, "https://graph.microsoft.com/v1.0/users", "Bearer x", false},
		"to another host":                   {true, "https://graph.microsoft.com.evil.example/v1.0/users", "Bearer x", false},
		"to another port":                   {true, "https://graph.microsoft.com:8443/v1.0/users", "Bearer x", false},
		"without TLS":                       {true, "http://graph.microsoft.com/v1.0/users", "Bearer x", false},
		"to another host, without a token":  {false, "https://evil.example/v1.0/users", "", false},
		"to another host, by a user's name": {true, "https://graph.microsoft.com@evil.example/", "Bearer x", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			request, err := http.NewRequest(http.MethodGet, test.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			if test.authorization != "" {
				request.Header.Set("Authorization", test.authorization)
			}
			end := &reached{}
			_, err = guard{base: &url.URL{Scheme: "https", Host: "graph.microsoft.com"}, bearer: test.bearer}.Intercept(end, 0, request)
			if leaves := len(end.requests) == 1; leaves != test.leaves || errors.Is(err, errUnsafe) == test.leaves {
				t.Errorf("leaves %v, error %v, want %v", leaves, err, test.leaves)
			}
		})
	}
}

func TestPanicOfSDKIsUnavailable(t *testing.T) {
	c := &Client{timeout: time.Minute}
	err := c.call(t.Context(), operation{doing: "trying"}, func(context.Context) error { panic("ana@contoso.com") })
	if problem.CodeOf(err) != request.DirectoryUnavailable || bytes.Contains([]byte(err.Error()), []byte("contoso")) {
		t.Errorf("%v", err)
	}
}
