package main

import (
	"maps"
	"slices"
	"testing"

	"guestlist/handlers/request"
	"guestlist/handlers/settings"
	"guestlist/handlers/web"
)

func TestSettingsNameTheKindsOfNotices(t *testing.T) {
	var want []string
	for _, kind := range request.NoticeKinds() {
		want = append(want, string(kind))
	}
	if got := settings.NoticeKinds(); !slices.Equal(got, want) {
		t.Errorf("the settings have %q, the program has %q", got, want)
	}
}

func TestNoticesNeedReviewPages(t *testing.T) {
	environment := map[string]string{
		settings.StorageConnection: nowhere, settings.GraphURL: "http://127.0.0.1:1", settings.GraphCredential: settings.NoCredential, settings.FormKeys: formKey,
	}
	read := func() (settings.Settings, web.Config) {
		var pages web.Config
		s, err := settings.Read(func(name string) string { return environment[name] }, pages.Read)
		if err != nil {
			t.Fatal(err)
		}
		return s, pages
	}
	s, pages := read()
	if newNotices(s, pages, nil) != nil {
		t.Error("there are notices without review pages")
	}
	maps.Copy(environment, reviewSettings)
	environment[settings.Notices] = "asked,last-day"
	s, pages = read()
	n := newNotices(s, pages, nil)
	if n == nil || n.Origin != "https://reviews.example.com" || !slices.Equal(n.Mailed, []request.NoticeKind{request.AskedNotice, request.LastDayNotice}) {
		t.Errorf("the notices are %+v", n)
	}
}
