package e2e

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"cutover.dev/cutover/lab/world"
)

// secretVariables are what a job may have in its environment besides kubeconfigs.
var secretVariables = []string{"CUTOVER_TSIG_SECRET", "AWS_SECRET_ACCESS_KEY", "CUTOVER_CLOUDFLARE_TOKEN", "CUTOVER_MONGODB_URI", "GITHUB_TOKEN"}

// withSecrets gives every process of the tool secrets of its own.
func (r *rig) withSecrets() {
	values := map[string]string{}
	for _, name := range secretVariables {
		values[name] = "canary-" + strings.ToLower(rand.Text())
	}
	r.tool = r.tool.With(values)
}

// byAction runs a step of the action, wants its result, and keeps the files that it leaves.
func (r *rig) byAction(t *testing.T, name, result string, inputs map[string]string) {
	t.Helper()
	content := func(variable string) string {
		return base64.StdEncoding.EncodeToString([]byte(readFile(t, r.tool.Env[variable])))
	}
	maps.Copy(inputs, map[string]string{"INPUT_OLD-KUBECONFIG": content(oldVariable), "INPUT_NEW-KUBECONFIG": content(newVariable)})
	s := r.step(t, inputs)
	got := r.begin(t, s.tool, nil, at("", "phase"), "action").end(t, verbEnd)
	code := map[string]int{"done": 0, "failed": broken, "refused": refused}[result]
	s.ended(t, got, code, result)
	for _, file := range []string{"OUTPUT", "STEP_SUMMARY", "STATE", "cutover-report.json"} {
		text, err := os.ReadFile(filepath.Join(s.dir, file))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(r.out, name, file), string(text))
	}
}

// canaries looks for every secret that the tool could have come by in everything that it left behind.
func (r *rig) canaries(t *testing.T) {
	secrets, places := r.secrets(t), map[string][]byte{}
	err := filepath.WalkDir(r.out, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".jsonl") { // a ledger is the clients'
			return err
		}
		text, err := os.ReadFile(path)
		places[path] = masks.ReplaceAll(text, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range world.Clusters() {
		memory, err := r.client(t, c).CoreV1().ConfigMaps(world.SystemSpace).List(t.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=cutover"})
		if err != nil {
			t.Fatal(err)
		}
		kept := 0
		for _, m := range memory.Items {
			for key, text := range m.Data {
				places[c.Name+" "+m.Name+" "+key] = []byte(text)
			}
			for key, packed := range m.BinaryData {
				kept++
				places[c.Name+" "+m.Name+" "+key] = unpacked(t, packed)
			}
		}
		if kept < 2 {
			t.Errorf("%s keeps %d ConfigMaps of journal and inventory: there is nothing to search", c.Name, kept)
		}
	}
	t.Logf("%d secrets, %d places", len(secrets), len(places))
	if len(secrets) < 15 || len(places) < 40 {
		t.Errorf("%d secrets in %d places prove nothing", len(secrets), len(places))
	}
	for _, found := range leaks(places, secrets) {
		t.Error(found)
	}
}

// masks are how the runner is told what it must not show. It shows none of them.
var masks = regexp.MustCompile(`(?m)^::add-mask::.*$`)

// secrets are all that must be nowhere, by what they are.
func (r *rig) secrets(t *testing.T) map[string]string {
	t.Helper()
	out := maps.Clone(r.made)
	for _, name := range secretVariables {
		out[name] = r.tool.Env[name]
	}
	for _, c := range world.Clusters() {
		for _, user := range []string{world.UserRun, world.UserPlan, world.UserAdmin} {
			if found := tokenLine.FindStringSubmatch(readFile(t, r.world.Kubeconfig(c, user))); found != nil {
				out["token of "+user+" in "+c.Name] = found[1]
			}
		}
		for _, space := range world.Namespaces() {
			all, err := r.client(t, c).CoreV1().Secrets(space).List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range all.Items {
				for key, value := range s.Data {
					if key != "tls.crt" && key != "ca.crt" { // everybody gets to see these
						out[fmt.Sprintf("Secret %s/%s %s in %s", space, s.Name, key, c.Name)] = string(value)
					}
				}
			}
		}
	}
	return out
}

// leaks names every place that has a secret in it, whole or a long line of it, as it is or in base64.
func leaks(places map[string][]byte, secrets map[string]string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		looks := disguises(secrets[name])
		for _, place := range slices.Sorted(maps.Keys(places)) {
			if slices.ContainsFunc(looks, func(look string) bool { return bytes.Contains(places[place], []byte(look)) }) {
				out = append(out, place+" has the "+name)
			}
		}
	}
	return out
}

// least characters of a line, for it to tell anything.
const telling = 16

// disguises are the forms of a secret. Base64 of it inside of more is found by what does not depend on what stands before.
func disguises(secret string) []string {
	var out []string
	for line := range strings.Lines(secret) {
		if line = strings.TrimSpace(line); len(line) < telling || strings.HasPrefix(line, "-----") {
			continue
		}
		out = append(out, line)
		for skip := range 3 {
			inner := line[skip : len(line)-(len(line)-skip)%3]
			out = append(out, base64.StdEncoding.EncodeToString([]byte(inner)))
		}
	}
	return out
}

// unpacked is what stands in gzip members one after the other, or what is there if it is none.
func unpacked(t *testing.T, packed []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return packed
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestACanaryIsFoundWhereverItIs(t *testing.T) {
	secrets := map[string]string{
		"token":   "eyJhbGciOi.canary-canary-canary.signature",
		"key":     "-----BEGIN KEY-----\nMC4CAQAwBQYDK2VwBCIEIcanary\n-----END KEY-----\n",
		"another": "canary-that-is-nowhere",
	}
	var packed bytes.Buffer
	for _, text := range []string{"one member\n", "another with MC4CAQAwBQYDK2VwBCIEIcanary\n"} {
		z := gzip.NewWriter(&packed)
		if _, err := z.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	places := map[string][]byte{
		"log": []byte("a token: " + secrets["token"]), "journal": unpacked(t, packed.Bytes()), "clean": []byte("nothing but canary"),
	}
	for i := range 3 {
		places[fmt.Sprint("base64 ", i)] = []byte(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", i) + secrets["token"] + "y")))
	}
	want := []string{"journal has the key", "base64 0 has the token", "base64 1 has the token", "base64 2 has the token", "log has the token"}
	if got := leaks(places, secrets); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}
