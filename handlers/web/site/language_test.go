package site

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

func TestAcceptCacheAnswersAsWithoutIt(t *testing.T) {
	cases := map[string][]string{
		"":                        nil,
		"de":                      {"de"},
		"pt-PT,pt;q=0.9,en;q=0.8": {"pt-PT", "pt", "en"},
		"en;q=0.5,fr":             {"fr", "en"},
		"*":                       nil,
		"de;q=x":                  nil,
		"zh-Hans-CN,*;q=0.1":      {"zh-Hans-CN"},
	}
	var cache acceptCache
	for range 2 {
		for header, want := range cases {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Accept-Language", header)
			var got []string
			for _, tag := range cache.languages(r) {
				got = append(got, tag.String())
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q is read as %v, want %v", header, got, want)
			}
		}
	}
}

func TestAcceptCacheIsBounded(t *testing.T) {
	var cache acceptCache
	var callers sync.WaitGroup
	for caller := range 4 {
		callers.Go(func() {
			for i := range maxAccepted {
				r := httptest.NewRequest(http.MethodGet, "/", nil)
				r.Header.Set("Accept-Language", fmt.Sprintf("de;q=0.%d%03d", caller+1, i))
				if tags := cache.languages(r); len(tags) != 1 || tags[0].String() != "de" {
					t.Errorf("read as %v", tags)
				}
			}
		})
	}
	callers.Wait()
	if n := len(cache.tags); n == 0 || n > maxAccepted {
		t.Errorf("%d headers are remembered", n)
	}
}
