package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"guestlist/handlers/branding"
	"guestlist/handlers/i18n"
	"guestlist/handlers/mail"
	"guestlist/handlers/request"
	"guestlist/handlers/settings"
	"guestlist/handlers/web"
)

// mailCommand is guestlist mail.
type mailCommand struct {
	format

	Preview previewCommand `cmd:"" help:"Write the mails that partners get into files, with invented data."`
}

type previewCommand struct {
	Kind     string `enum:",${mailKinds}" default:"" placeholder:"KIND" help:"Only this kind: ${mailKinds}. Default: all."`
	Lang     string `enum:",${mailLanguages}" default:"" placeholder:"TAG" help:"Only this language: ${mailLanguages}. Default: all."`
	Out      string `default:"mails" placeholder:"FOLDER" help:"Where to write KIND-TAG.html and KIND-TAG.txt, over older ones; default: mails."`
	Settings string `placeholder:"FILE" help:"Take name, colours and contact from the settings in a file, in a form that doctor reads."`
}

func (previewCommand) Help() string {
	return "Sends nothing, and reads no tables. The text file begins with the subject."
}

func (c previewCommand) Run(s *session) error {
	style, origin, err := c.style()
	if err != nil {
		return err
	}
	composer, err := mail.NewComposer(style, origin)
	if err != nil {
		return err
	}
	err = os.MkdirAll(c.Out, 0o755)
	if err != nil {
		return err
	}
	files := []string{}
	for _, kind := range mail.Kinds() {
		for _, language := range i18n.Languages() {
			if cmp.Or(c.Kind, string(kind)) != string(kind) || cmp.Or(c.Lang, language.Tag) != language.Tag {
				continue
			}
			written, err := c.write(composer, kind, language.Tag)
			if err != nil {
				return err
			}
			files = append(files, written...)
		}
	}
	return s.print(map[string]any{"files": files}, func(w io.Writer) {
		for _, file := range files {
			fmt.Fprintln(w, plain(file))
		}
	})
}

// write writes one mail and returns the names of its files.
func (c previewCommand) write(composer *mail.Composer, kind request.MailKind, language string) ([]string, error) {
	sample, err := composer.Sample(kind, language)
	if err != nil {
		return nil, err
	}
	base := filepath.Join(c.Out, string(kind)+"-"+language)
	files := []string{base + ".html", base + ".txt"}
	err = os.WriteFile(files[0], []byte(sample.HTML), 0o644)
	if err != nil {
		return nil, err
	}
	return files, os.WriteFile(files[1], []byte(sample.Subject+"\n\n"+sample.Text), 0o644)
}

// style returns the style of the mails and the origin of the status page.
func (c previewCommand) style() (branding.Style, string, error) {
	if c.Settings == "" {
		return mail.SampleStyle(), mail.SampleOrigin, nil
	}
	text, err := os.ReadFile(c.Settings)
	if err != nil {
		return branding.Style{}, "", err
	}
	values, ok := readSettings(text)
	if !ok {
		return branding.Style{}, "", usage("%s has no settings in a known form; guestlist doctor --help names the forms", c.Settings)
	}
	var config web.Config
	_, err = settings.Read(func(name string) string { return values[name] }, config.Read)
	if err != nil {
		return branding.Style{}, "", err
	}
	origins := append([]string{config.StatusOrigin}, config.Guards.PublicOrigins...)
	return config.Style, cmp.Or(append(origins, mail.SampleOrigin)...), nil
}

// mailKinds and mailLanguages return what preview can be asked for, separated by commas.
func mailKinds() string {
	var kinds []string
	for _, kind := range mail.Kinds() {
		kinds = append(kinds, string(kind))
	}
	return strings.Join(kinds, ",")
}

func mailLanguages() string {
	var tags []string
	for _, language := range i18n.Languages() {
		tags = append(tags, language.Tag)
	}
	return strings.Join(tags, ",")
}
