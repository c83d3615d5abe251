package functions_test

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/handlers/azure/functions"
)

func TestHandlerSeesClientRequest(t *testing.T) {
	app, _ := newApp(t, functions.Config{})
	ran := false
	app.HTTP("status-http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ran = true
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got := map[string]any{
			"method": r.Method, "host": r.Host, "remote": r.RemoteAddr, "path": r.URL.Path, "escaped": r.URL.EscapedPath(),
			"absolute": r.URL.IsAbs(), "uri": r.RequestURI, "x": strings.Join(r.URL.Query()["x"], "+"), "code": r.URL.Query().Get("code"),
			"id": r.PathValue("id"), "page": r.PathValue("page"), "optional": r.PathValue("optional"),
			"language": r.Header.Values("Accept-Language"), "key": r.Header.Get("X-Functions-Key"),
			"Host": r.Header.Get("Host"), "Content-Length": r.Header.Get("Content-Length"),
			"length": r.ContentLength, "body": string(body), "invocation": functions.InvocationID(r.Context()),
		}
		want := map[string]any{
			"method": "POST", "host": "guestlist.example", "remote": "", "path": "/signup/abc/1", "escaped": "/signup/abc%2F1",
			"absolute": false, "uri": "/signup/abc%2F1?code=TOPSECRETKEY&x=1&x=2", "x": "1+2", "code": "TOPSECRETKEY",
			"id": "abc/1", "page": "7", "optional": "",
			"language": []string{"de", "en"}, "key": "TOPSECRETKEY",
			"Host": "", "Content-Length": "",
			"length": int64(len(`{"name":"Zoë"}`)), "body": `{"name":"Zoë"}`, "invocation": invocationID,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the request differs (-want +got):\n%s", diff)
		}
	}))
	accept(t, post(app, "status-http", httpEnvelope("application/json", `{"name":"Zoë"}`)))
	if !ran {
		t.Fatal("the handler did not run")
	}
}

func TestBodyArrivesAsClientSentIt(t *testing.T) {
	binary := "\x00\xff\x89PNG"
	encoded := base64.StdEncoding.EncodeToString([]byte(binary))
	tests := map[string]struct{ contentType, body, want string }{
		"JSON stays text":                       {"application/json", `{"a":1}`, `{"a":1}`},
		"form stays raw":                        {"application/x-www-form-urlencoded", "a=1&b=%20", "a=1&b=%20"},
		"text that looks like base64":           {"text/plain", "abcd", "abcd"},
		"octets":                                {"application/octet-stream", encoded, binary},
		"octets in other case with a parameter": {"Application/Octet-Stream; x=y", encoded, binary},
		"multipart":                             {"multipart/form-data; boundary=x", encoded, binary},
		"what the host took for text":           {"application/octet-stream; =", `{"a":1}`, `{"a":1}`},
		"empty":                                 {"application/octet-stream", "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			app, _ := newApp(t, functions.Config{})
			ran := false
			app.HTTP("http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ran = true
				body, err := io.ReadAll(r.Body)
				if err != nil || string(body) != test.want || r.ContentLength != int64(len(test.want)) {
					t.Errorf("body %q (%v), length %d, want %q", body, err, r.ContentLength, test.want)
				}
			}))
			accept(t, post(app, "http", httpEnvelope(test.contentType, test.body)))
			if !ran {
				t.Fatal("the handler did not run")
			}
		})
	}
}

func TestEveryURLIsAccepted(t *testing.T) {
	tests := map[string]struct{ raw, path, query, host string }{
		"plain":                          {"http://localhost:7071/signup", "/signup", "", "localhost:7071"},
		"https and a query":              {"https://a.example/s?x=1&y=%zz", "/s", "x=1&y=%zz", "a.example"},
		"no path":                        {"https://a.example", "/", "", "a.example"},
		"a query and no path":            {"https://a.example?x=http://b.example/", "/", "x=http://b.example/", "a.example"},
		"escapes":                        {"https://a.example/%C3%A9%20", "/é ", "", "a.example"},
		"a broken escape":                {"https://a.example/%zz", "/%zz", "", "a.example"},
		"characters not escaped":         {"https://a.example/é |\"", "/é |\"", "", "a.example"},
		"two slashes":                    {"https://a.example//evil.example/x", "//evil.example/x", "", "a.example"},
		"a path alone":                   {"/signup?next=https://b.example/", "/signup", "next=https://b.example/", "header.example"},
		"a fragment is part of the path": {"https://a.example/#x", "/#x", "", "a.example"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			app, _ := newApp(t, functions.Config{})
			ran := false
			app.HTTP("http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ran = true
				if r.URL.Path != test.path || r.URL.RawQuery != test.query || r.Host != test.host || r.Body != http.NoBody {
					t.Errorf("path %q, query %q, host %q", r.URL.Path, r.URL.RawQuery, r.Host)
				}
			}))
			accept(t, post(app, "http", `{"Data":{"req":{"Url":`+quote(test.raw)+`,"Method":"GET","Headers":{"host":["header.example"]},"Params":null,"Body":null}}}`))
			if !ran {
				t.Fatal("the handler did not run")
			}
		})
	}
}

func TestResponseTravelsInHTTPOutput(t *testing.T) {
	tests := map[string]struct {
		handler http.HandlerFunc
		want    answer
		body    string
		warning string
	}{
		"nothing said": {
			handler: func(http.ResponseWriter, *http.Request) {},
			want:    answer{StatusCode: 200},
		},
		"a page": {
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				_, _ = io.WriteString(w, "<p>Zoë & \"you\"</p>")
			},
			want: answer{StatusCode: 200, Headers: map[string]string{"Content-Type": "text/html; charset=utf-8"}},
			body: "<p>Zoë & \"you\"</p>",
		},
		"JSON is a string and no object": {
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusAccepted)
				_, _ = w.Write([]byte(`{"at":"2026-11-23T05:00:00Z"}`))
			},
			want: answer{StatusCode: 202, Headers: map[string]string{"Content-Type": "application/json"}},
			body: `{"at":"2026-11-23T05:00:00Z"}`,
		},
		"a content type is found as net/http does": {
			handler: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<!DOCTYPE html><p>") },
			want:    answer{StatusCode: 200, Headers: map[string]string{"Content-Type": "text/html; charset=utf-8"}},
			body:    "<!DOCTYPE html><p>",
		},
		"a refusal": {
			handler: func(w http.ResponseWriter, _ *http.Request) {
				http.Error(w, "no", http.StatusUnprocessableEntity)
			},
			want: answer{StatusCode: 422, Headers: map[string]string{"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}},
			body: "no\n",
		},
		"a redirect is the client's, not the host's": {
			handler: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/signup/1", http.StatusSeeOther) },
			want:    answer{StatusCode: 303, Headers: map[string]string{"Location": "/signup/1"}},
		},
		"the first final status counts": {
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-A", "1")
				w.WriteHeader(http.StatusEarlyHints)
				w.WriteHeader(http.StatusCreated)
				w.WriteHeader(http.StatusTeapot)
				w.Header().Set("X-A", "2")
			},
			want: answer{StatusCode: 201, Headers: map[string]string{"X-A": "1"}},
		},
		"several values are joined": {
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Vary"] = []string{"Accept", "Accept-Language"}
				w.Header()["X-Empty"] = nil
				w.WriteHeader(http.StatusNoContent)
			},
			want: answer{StatusCode: 204, Headers: map[string]string{"Vary": "Accept, Accept-Language"}},
		},
		"one cookie passes": {
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Add("Set-Cookie", "a=SECRET")
				w.Header().Add("Set-Cookie", "b=2")
				w.WriteHeader(http.StatusOK)
			},
			want:    answer{StatusCode: 200, Headers: map[string]string{"Set-Cookie": "a=SECRET"}},
			warning: "only one Set-Cookie passes the host; the others are dropped",
		},
		"framing is the host's business": {
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "99")
				w.Header().Set("Connection", "close")
				w.Header().Set("Trailer:X", "y")
				w.Header().Set("Content-Type", "text/plain")
				_, _ = io.WriteString(w, "x")
			},
			want: answer{StatusCode: 200, Headers: map[string]string{"Content-Type": "text/plain"}},
			body: "x",
		},
		"no body where none may be": {
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusNotModified)
				_, err := w.Write([]byte("x"))
				if !errors.Is(err, http.ErrBodyNotAllowed) {
					panic("written")
				}
				_, err = io.WriteString(w, "x")
				if !errors.Is(err, http.ErrBodyNotAllowed) {
					panic("written")
				}
			},
			want: answer{StatusCode: 304},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			app, log := newApp(t, functions.Config{})
			app.HTTP("http", test.handler)
			got := accept(t, post(app, "http", httpEnvelope("text/plain", "x")))
			if len(got.Outputs) != 1 {
				t.Errorf("outputs %v, want res alone", got.Outputs)
			}
			res := result(t, got)
			if *res.Body != test.body {
				t.Errorf("body %q, want %q", *res.Body, test.body)
			}
			res.Body = nil
			if diff := cmp.Diff(test.want, res); diff != "" {
				t.Errorf("the answer differs (-want +got):\n%s", diff)
			}
			if test.warning != "" && log.lines(t)[0]["msg"] != test.warning {
				t.Errorf("log %s, want %q", log, test.warning)
			}
			if test.warning == "" && len(log.lines(t)) != 1 {
				t.Errorf("unexpected log lines: %s", log)
			}
			if strings.Contains(log.String(), "SECRET") {
				t.Error("a header value is in the log")
			}
		})
	}
}

func TestResponseThatHostRefusesBecomes500(t *testing.T) {
	tests := map[string]struct {
		handler http.HandlerFunc
		log     string
	}{
		"binary body": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "image/png")
			_, _ = w.Write([]byte("\x89PNG\xff"))
		}, "UTF-8"},
		"a character in a header": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Name", "Zoë")
		}, "X-Name"},
		"a line end in a header": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Name", "a\r\nSet-Cookie: b=c")
		}, "X-Name"},
		"an invalid header name": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["X Name:"] = []string{"a"}
		}, "name"},
		"an invalid status": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(42) }, "panic"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			app, log := newApp(t, functions.Config{})
			app.HTTP("http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_ = functions.QueueOutput{Binding: "signups"}.Enqueue(r.Context(), []byte("m"))
				test.handler(w, r)
			}))
			got := accept(t, post(app, "http", httpEnvelope("text/plain", "x")))
			res := result(t, got)
			if res.StatusCode != 500 || len(got.Outputs) != 1 {
				t.Errorf("answer %+v, outputs %v", res, got.Outputs)
			}
			text, _ := log.last(t)["error"].(string)
			if !strings.Contains(text, test.log) || strings.Contains(log.String(), "Zoë") {
				t.Errorf("logged %q, want something on %q", text, test.log)
			}
		})
	}
}

func TestResponseToHEADHasNoBody(t *testing.T) {
	app, _ := newApp(t, functions.Config{})
	app.HTTP("http", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		n, err := io.WriteString(w, "<p>")
		if n != 3 || err != nil {
			t.Errorf("WriteString = %d, %v", n, err)
		}
	}))
	res := result(t, accept(t, post(app, "http", `{"Data":{"req":{"Url":"http://x/","Method":"HEAD"}}}`)))
	if *res.Body != "" || res.Headers["Content-Type"] != "text/html" {
		t.Errorf("answer %+v, body %q", res, *res.Body)
	}
}
