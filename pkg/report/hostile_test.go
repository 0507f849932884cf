package report_test

import (
	"bytes"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"

	"cutover.dev/cutover/pkg/engine"
	"cutover.dev/cutover/pkg/ghaction"
	"cutover.dev/cutover/pkg/ghaction/runnertest"
	"cutover.dev/cutover/pkg/phase"
	"cutover.dev/cutover/pkg/report"
)

// filled is a document with one text in every place that holds text.
func filled(text string) report.Document {
	d := report.Document{
		Steps: make([]report.Step, 2), Gates: make([]report.Gate, 1), Requests: []report.Requests{{Sent: 2, Bad: make([]report.Bad, 1)}},
		Database: &report.Database{Notes: make([]string, 2)}, Link: &report.Link{Paths: make([]report.Path, 1), Overlaps: make([]string, 1)}, Served: make([]report.Served, 1),
		Residual: []report.Late{{Hosts: make([]string, 2)}}, Unapproved: make([]string, 1),
		Error: &report.Failure{Hints: make([]string, 2)},
	}
	for i := range d.Steps {
		d.Steps[i].Facts = make([]string, 2)
	}
	fill(reflect.ValueOf(&d).Elem(), text)
	d.Served[0].By, d.Uncounted = "new", ""
	return d
}

func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem(), text)
		}
	case reflect.Slice:
		for i := range v.Len() {
			fill(v.Index(i), text)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i), text)
			}
		}
	}
}

// pages are all that is shown as Markdown.
func pages(d report.Document) map[string]string {
	summary, _ := report.Markdown(d, 0)
	short, _ := report.Markdown(d, 3000)
	return map[string]string{
		"summary": summary, "short summary": short, "comment": report.Comment(d, d.Digest, run),
		"proposal": report.Proposal{From: d.Phase, To: d.Phase, Approval: d.Approval, Evidence: d, Preview: &d, Run: run}.String(),
	}
}

// rendered is a page as GitHub shows it: its dialect, with what is HTML left as it is.
func rendered(t *testing.T, page string) string {
	t.Helper()
	var b bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe())).Convert([]byte(page), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var (
	tags    = regexp.MustCompile(`<(/?[a-zA-Z!][a-zA-Z0-9-]*)[^>]*>`)
	link    = regexp.MustCompile(`<a href="([^"]*)"[^>]*>([^<]*)</a>`)
	inCode  = regexp.MustCompile(`(?s)<code[^>]*>.*?</code>`)
	summons = regexp.MustCompile(`(?i)(^|[^\w])@[a-z0-9]|#[0-9]|\bGH-[0-9]|/(issues|pull)/[0-9]`)
)

// structure is the tags of a page but for ends of lines, and addresses that are links by themselves.
func structure(page string) (all []string) {
	for _, m := range tags.FindAllStringSubmatch(page, -1) {
		if name := strings.ToLower(strings.TrimPrefix(m[1], "/")); name != "br" && name != "a" {
			all = append(all, strings.ToLower(m[1]))
		}
	}
	return all
}

// Whatever the text says, the page has the parts that it has with a harmless text, and calls nobody.
func TestHostileTextIsTextOnEveryPage(t *testing.T) {
	harmless := map[string][]string{}
	for name, page := range pages(filled("harmless")) {
		if harmless[name] = structure(rendered(t, page)); len(harmless[name]) < 20 {
			t.Fatalf("%s has %d parts only", name, len(harmless[name]))
		}
	}
	for _, hostile := range runnertest.Hostile {
		for name, page := range pages(filled(hostile)) {
			shown := rendered(t, page)
			if diff := cmp.Diff(harmless[name], structure(shown)); diff != "" && shows(hostile) && name != "short summary" && len(hostile) < 1000 { // else it has less, for want of room
				t.Errorf("%s with %.40q has other parts:\n%s", name, hostile, diff)
			}
			for _, bad := range []string{"<img", "<script", "<svg", "<picture", "javascript:alert(1)\""} {
				if strings.Contains(inCode.ReplaceAllString(shown, ""), bad) {
					t.Errorf("%s with %.40q has %s", name, hostile, bad)
				}
			}
			for _, a := range link.FindAllStringSubmatch(shown, -1) {
				if a[1] != run && !strings.Contains(a[1], a[2]) && !strings.Contains(a[2], a[1]) {
					t.Errorf("%s with %.40q: a link to %s says %s", name, hostile, a[1], a[2])
				}
			}
			shown = strings.ReplaceAll(shown, "&amp;#8203;", "\u200b") // within an address that is a link by itself
			said := tags.ReplaceAllString(inCode.ReplaceAllString(link.ReplaceAllString(shown, "$2"), ""), "\n")
			if m := summons.FindString(said); m != "" {
				t.Errorf("%s with %.40q calls %q", name, hostile, m)
			}
			if i := strings.IndexFunc(page, func(c rune) bool { return c != '\n' && c != '\t' && unicode.In(c, unicode.Cc, unicode.Cf) }); i >= 0 {
				t.Errorf("%s with %.40q holds %q", name, hostile, page[i:min(len(page), i+8)])
			}
		}
	}
}

func shows(s string) bool {
	return strings.ContainsFunc(s, func(c rune) bool { return unicode.IsGraphic(c) && !unicode.IsSpace(c) })
}

// What is written on a terminal or into the log keeps its lines, and steers nothing.
func TestHostileTextStaysInItsLineOfTheLog(t *testing.T) {
	for _, hostile := range runnertest.Hostile {
		d := filled(hostile)
		var b bytes.Buffer
		if err := report.Plan(&b, d); err != nil {
			t.Fatal(err)
		}
		if err := report.End(&b, d); err != nil {
			t.Fatal(err)
		}
		sink := report.NewText(&b)
		for _, what := range []engine.What{"phase", "group", "gate", "begun", "waiting", "failed", "stopped"} {
			sink.Emit(engine.Event{What: what, Phase: hostile, Group: hostile + "x", Step: hostile, Title: hostile, Observation: phase.Observation{Detail: hostile}})
		}
		if i := strings.IndexFunc(b.String(), func(c rune) bool { return c != '\n' && unicode.In(c, unicode.Cc, unicode.Cf) }); i >= 0 {
			t.Errorf("%.40q: the log holds %q", hostile, b.String()[i:min(b.Len(), i+8)])
		}
		var log bytes.Buffer
		lines := ghaction.New(func(string) string { return "" }, &log).Foreign(nil)
		if _, err := lines.Write(b.Bytes()); err != nil {
			t.Fatal(err)
		}
		if commands, shown := runnertest.Parse(log.String()); len(commands) > 0 || len(shown) != bytes.Count(b.Bytes(), []byte("\n")) {
			t.Errorf("%.40q: %d lines, obeyed %v", hostile, len(shown), commands)
		}
	}
}
