package report

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// plain makes foreign text one line that does nothing to a terminal.
func plain(s string) string {
	s = strings.TrimRight(s, "\r\n")
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\n', c == '\r', c == '\t':
			return ' '
		case unicode.In(c, unicode.Cc, unicode.Cf):
			return -1
		}
		return c
	}, s)
}

// visible shows what does not show: a difference that somebody approves must not hide characters, nor change its order.
func visible(s string) string {
	var b strings.Builder
	for _, c := range s {
		if c != '\n' && c != '\t' && unicode.In(c, unicode.Cc, unicode.Cf) {
			fmt.Fprintf(&b, `\u%04x`, c)
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}

const maxCell = 600 // characters of a table cell; the whole text is in the JSON document

var (
	// mention is what calls a person or a team, or names an issue, which a merge of the text may even close.
	mention = regexp.MustCompile(`(?i)([@#]|\bGH-|/(?:issues|pull|discussions)/)([a-z0-9])`)
	// leading is what makes a line something else than a paragraph and is not escaped anyway.
	leading = regexp.MustCompile(`^(?:[#=+-]|[0-9]+[.)])`)
	special = strings.NewReplacer(
		`&`, "&amp;", `<`, "&lt;", `>`, "&gt;", "`", "\\`", `|`, `\|`, `\`, `\\`, `*`, `\*`, `_`, `\_`, `[`, `\[`, `]`, `\]`, `~`, `\~`, `$`, `\$`,
		"\r\n", "<br>", "\n", "<br>", "\r", "<br>",
	)
)

// cell makes foreign text safe in a cell of a Markdown table: it ends no cell, makes no markup and calls nobody.
func cell(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > maxCell && utf8.RuneCountInString(s) > maxCell {
		s = string([]rune(s)[:maxCell-1]) + "…"
	}
	s = strings.Map(func(c rune) rune {
		if c != '\n' && c != '\r' && (c < ' ' || c >= 0x7f) && unicode.In(c, unicode.Cc, unicode.Cf) {
			return -1
		}
		return c
	}, s)
	s = special.Replace(s)
	return mention.ReplaceAllString(s, "$1&#8203;$2")
}

// line makes foreign text safe at the start of a line or of an item of a list.
func line(s string) string {
	if s = cell(s); leading.MatchString(s) {
		return "&#8203;" + s
	}
	return s
}

// code makes a short text of ours that may have been tampered with a piece of code in a line.
func code(s string) string {
	s = strings.ReplaceAll(plain(s), "`", "")
	if strings.TrimSpace(s) == "" {
		return "`?`"
	}
	return "`" + strings.ToValidUTF8(s[:min(len(s), maxCell)], "") + "`"
}

// fence puts text into a code block that the text cannot end.
func fence(language, text string) string {
	ticks := strings.Repeat("`", max(3, 1+longestRun(text, '`')))
	return ticks + language + "\n" + strings.TrimRight(text, "\n") + "\n" + ticks + "\n"
}

// longestRun is how often c stands in a row at most.
func longestRun(s string, c byte) int {
	longest, run := 0, 0
	for i := range len(s) {
		if s[i] != c {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// folded is a part that opens on a click. The title is Markdown.
func folded(title, body string) string { return foldable("<details>", title, body) }

// unfolded is folded that is open until somebody closes it.
func unfolded(title, body string) string { return foldable("<details open>", title, body) }

func foldable(begin, title, body string) string {
	return begin + "<summary>" + title + "</summary>\n\n" + strings.TrimRight(body, "\n") + "\n\n</details>\n"
}
