package runnertest

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// masks are what the runner hides: values as they are, each line of them, and in the encodings that it knows. None is too short.
type masks struct {
	mu     sync.RWMutex
	values []string
}

// add hides a value, and each of its lines on its own.
func (m *masks) add(value string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.one(value)
	for line := range strings.FieldsFuncSeq(value, func(c rune) bool { return c == '\n' || c == '\r' }) {
		m.one(strings.TrimSpace(line))
	}
}

// one adds what the runner's encoders make of a value. Of base64 it knows three: the value may begin anywhere within three bytes.
func (m *masks) one(value string) {
	forms := []string{value, strings.ReplaceAll(value, `"`, `\"`), strings.ReplaceAll(value, "'", "''"), asJSON(value), asURI(value), xml.Replace(value)}
	for shift := range 3 {
		if shift == 0 || len(value) > shift {
			forms = append(forms, base64.StdEncoding.EncodeToString([]byte(value[shift:])))
		}
	}
	if inner, ok := strings.CutPrefix(value, `"`); ok && len(value) > 8 && strings.HasSuffix(inner, `"`) {
		forms = append(forms, strings.TrimSuffix(inner, `"`))
	}
	for _, form := range forms {
		if value != "" && form != "" && !slices.Contains(m.values, form) {
			m.values = append(m.values, form)
		}
	}
}

// hide puts *** in the place of every value, one for those that overlap or touch.
func (m *masks) hide(text string) string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	hidden := make([]bool, len(text))
	found := false
	for _, v := range m.values {
		for at := 0; ; at++ {
			i := strings.Index(text[at:], v)
			if i < 0 {
				break
			}
			at += i
			found = true
			for j := at; j < at+len(v); j++ {
				hidden[j] = true
			}
		}
	}
	if !found {
		return text
	}
	var out strings.Builder
	for i := range len(text) {
		switch {
		case !hidden[i]:
			out.WriteByte(text[i])
		case i == 0 || !hidden[i-1]:
			out.WriteString("***")
		}
	}
	return out.String()
}

var xml = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;")

func asJSON(value string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(b.String()), `"`), `"`)
}

func asURI(value string) string { return strings.ReplaceAll(url.QueryEscape(value), "+", "%20") }
