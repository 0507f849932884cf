package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// secretVariables are what a job may have in its environment besides kubeconfigs.
var secretVariables = []string{"CUTOVER_TSIG_SECRET", "AWS_SECRET_ACCESS_KEY", "CUTOVER_CLOUDFLARE_TOKEN", "CUTOVER_MONGODB_URI", "GITHUB_TOKEN"}

// withSecrets gives every process of the tool a canary for each secret that the plan has no use for. The others it has already.
func (r *rig) withSecrets() {
	values := map[string]string{}
	for _, name := range secretVariables {
		if r.tool.Env[name] == "" {
			values[name] = "canary-" + strings.ToLower(rand.Text())
		}
	}
	r.tool = r.tool.With(values)
}

// byAction runs a step of the action, and wants its result.
func (r *rig) byAction(t *testing.T, result string, inputs map[string]string) {
	t.Helper()
	content := func(variable string) string {
		return base64.StdEncoding.EncodeToString([]byte(readFile(t, r.tool.Env[variable])))
	}
	maps.Copy(inputs, map[string]string{"INPUT_OLD-KUBECONFIG": content(oldVariable), "INPUT_NEW-KUBECONFIG": content(newVariable)})
	s := r.step(t, inputs)
	got := r.begin(t, s.tool, nil, at("", "phase"), "action").end(t, verbEnd)
	code := map[string]int{"done": 0, "failed": broken, "refused": refused}[result]
	s.ended(t, got, code, result)
}

// canaries looks for every secret that the tool could have come by in everything that it left behind.
func (r *rig) canaries(t *testing.T) {
	secrets, places := r.secrets(t), r.files(t)
	files := len(places)
	for _, c := range world.Clusters() {
		objects, err := rehearse.Everything(t.Context(), r.world.Kubeconfig(c, world.UserAdmin), world.Namespaces()...)
		if err != nil {
			t.Fatal(err)
		}
		kinds, packed := map[string]int{}, 0
		for _, o := range objects {
			kinds[o.GetKind()]++
			packed += shows(t, places, c.Name, o)
		}
		if kinds["Event"] == 0 || kinds["ConfigMap"] == 0 || packed < 2 || c.Name == world.New.Name && kinds["Lease"] == 0 {
			t.Errorf("%s has %v and in it %d packed parts of journal and inventory: not all is there that is to be searched", c.Name, kinds, packed)
		}
	}
	t.Logf("%d secrets, %d files, %d places in both clusters", len(secrets), files, len(places)-files)
	if len(secrets) < 15 || files < 20 {
		t.Errorf("%d secrets in %d files prove nothing", len(secrets), files)
	}
	for _, found := range leaks(places, secrets) {
		t.Error(found)
	}
}

// files are all that the tool wrote: logs of processes, journals that were exported, and what steps of the action leave behind. Only
// the ledgers are left out, which the clients write.
func (r *rig) files(t *testing.T) map[string][]byte {
	t.Helper()
	places := map[string][]byte{}
	err := filepath.WalkDir(r.out, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || slices.Contains(ledgers, path[len(r.out):]) {
			return err
		}
		text, err := os.ReadFile(path)
		places[path] = masks.ReplaceAll(text, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return places
}

var ledgers = []string{"/ledger.jsonl", "/writes.jsonl"}

// shows adds an object, whole, to the places, and what is packed in it as it was before. Of a Secret it leaves out the values: there
// they belong. It returns how many packed parts there were.
func shows(t *testing.T, places map[string][]byte, cluster string, o *unstructured.Unstructured) (packed int) {
	t.Helper()
	name := strings.Join([]string{cluster, o.GetNamespace(), o.GroupVersionKind().GroupKind().String(), o.GetName()}, "/")
	parts, _, err := unstructured.NestedStringMap(o.Object, "binaryData")
	if err != nil {
		t.Fatal(err)
	}
	for key, text := range parts {
		part, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		places[name+" "+key] = unpacked(t, part)
	}
	if o.GetKind() == "Secret" {
		o = o.DeepCopy()
		unstructured.RemoveNestedField(o.Object, "data")
	}
	var whole bytes.Buffer
	encoder := json.NewEncoder(&whole)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(o.Object); err != nil {
		t.Fatal(err)
	}
	places[name] = whole.Bytes()
	return len(parts)
}

// masks are how the runner is told what it must not show. It shows none of them.
var masks = regexp.MustCompile(`(?m)^::add-mask::.*$`)

// secrets are all that must be nowhere, by what they are.
func (r *rig) secrets(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	maps.Copy(out, r.made)
	for _, name := range secretVariables {
		out[name] = r.tool.Env[name]
	}
	for _, user := range []world.MongoUser{world.MongoRun, world.MongoPlan} { // without the rest of their URI as well
		out["password of "+user.Name] = user.Password
		out["password of "+user.Name+" in a URI"] = url.QueryEscape(user.Password)
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
