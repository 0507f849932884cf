package report_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// look is about how GitHub shows Markdown: widths, borders and sizes are what decides whether a table can be read.
const look = `<!doctype html><meta charset="utf-8"><style>
body{font:14px/1.5 "Liberation Sans","DejaVu Sans",sans-serif;color:#1f2328;max-width:980px;margin:24px auto;padding:0 16px}
table{border-collapse:collapse;display:block;width:max-content;max-width:100%;overflow:auto;margin:0 0 16px}
td,th{border:1px solid #d1d9e0;padding:6px 13px}tr:nth-child(2n){background:#f6f8fa}
code,pre{font:12px "Liberation Mono","DejaVu Sans Mono",monospace;background:#f0f1f3;border-radius:6px}code{padding:.2em .4em}
pre{padding:16px;overflow:auto}pre code{padding:0;background:none}blockquote{border-left:4px solid #cf222e;margin:0 0 16px;padding:0 16px;color:#59636e}
h3{font-size:18px}</style>`

// measure lets the page say how high it is.
const measure = `<script>document.body.dataset.height = document.documentElement.scrollHeight + 24</script>`

var measured = regexp.MustCompile(`data-height="(\d+)"`)

// Screenshots are for people: make screenshots. A test only because what renders the pages is one.
func TestScreenshots(t *testing.T) {
	out := os.Getenv("CUTOVER_SCREENSHOTS")
	if out == "" {
		t.Skip("only for people who want to look: make screenshots")
	}
	browser := ""
	for _, name := range []string{"chromium", "chromium-headless-shell", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" {
		t.Fatal("there is no chromium; fix: apt-get install chromium")
	}
	shots := map[string]string{}
	for name, page := range pages(large(12, 60, 4)) {
		shots["many-"+strings.ReplaceAll(name, " ", "-")] = page
	}
	for _, pattern := range []string{"testdata/*Summary*.golden", "../../out/act/*.summary.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			shots[strings.TrimSuffix(strings.TrimSuffix(filepath.Base(f), ".golden"), ".summary.md")] = string(text)
		}
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, page := range shots {
		file, err := filepath.Abs(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file+".html", []byte(look+rendered(t, page)+measure), 0o644); err != nil {
			t.Fatal(err)
		}
		shoot := func(args ...string) []byte {
			args = append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--user-data-dir=" + t.TempDir()}, args...)
			said, err := exec.CommandContext(t.Context(), browser, append(args, "file://"+file+".html")...).CombinedOutput()
			if err != nil {
				t.Fatalf("show %s: %v\n%s", name, err, said)
			}
			return said
		}
		height := measured.FindSubmatch(shoot("--window-size=1060,100", "--dump-dom")) // a window as high as the page, or the picture ends before it
		if height == nil {
			t.Fatalf("the browser does not say how high %s is", name)
		}
		said := shoot("--window-size=1060,"+string(height[1]), "--screenshot="+file+".png")
		if info, err := os.Stat(file + ".png"); err != nil || info.Size() < 5000 {
			t.Fatalf("show %s: %v\n%s", name, err, said)
		}
	}
}
