package parts

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"

	"cutover.dev/cutover/pkg/fault"
	"cutover.dev/cutover/pkg/kube"
)

// Manifest is one object of a committed file.
type Manifest struct {
	Kind   kube.Kind
	Object *unstructured.Unstructured
	File   string
}

// order are the kinds in the order in which they are made: what pods need comes before them.
var order = []kube.Kind{
	kube.ServiceAccount, kube.Role, kube.RoleBinding, kube.ConfigMap, kube.Secret, kube.PVC, kube.NetworkPolicy, kube.Service,
	kube.Deployment, kube.StatefulSet, kube.DaemonSet, kube.CronJob, kube.Job, kube.HPA, kube.PDB, kube.Ingress,
}

// Manifests reads the objects of a file, or of the YAML and JSON files of a folder, in the order in which to make them.
// What is not of a known namespaced kind is refused, all of it in one error: an admin has to apply it.
func Manifests(path string) ([]Manifest, error) {
	files, err := manifestFiles(path)
	if err != nil {
		return nil, fmt.Errorf("read manifests: %w", err)
	}
	var all []Manifest
	var errs []error
	for _, file := range files {
		found, err := manifestsOf(file)
		all = append(all, found...)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fault.Wrap(fault.Refused, "let an admin apply what is cluster-scoped, and keep it in another folder", err)
	}
	if len(all) == 0 {
		return nil, fault.New(fault.Usage, "correct the path, it is relative to the working folder", "read manifests: there is no object in %s", path)
	}
	slices.SortStableFunc(all, func(a, b Manifest) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)),
			cmp.Compare(a.Object.GetNamespace(), b.Object.GetNamespace()), cmp.Compare(a.Object.GetName(), b.Object.GetName()))
	})
	return all, nil
}

func manifestFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path) // sorted
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); !e.IsDir() && (ext == ".yaml" || ext == ".yml" || ext == ".json") {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	return files, nil
}

func manifestsOf(file string) (all []Manifest, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var errs []error
	for documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096); ; {
		var raw runtime.RawExtension
		err := documents.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return all, errors.Join(errs...)
		}
		if err != nil {
			return all, errors.Join(append(errs, fmt.Errorf("%s: %w", file, err))...)
		}
		if raw.Raw = bytes.TrimSpace(raw.Raw); len(raw.Raw) == 0 || string(raw.Raw) == "null" {
			continue
		}
		m, err := manifest(file, raw.Raw)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, m)
	}
}

func manifest(file string, text []byte) (Manifest, error) {
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(text); err != nil {
		return Manifest{}, fmt.Errorf("%s: %w", file, err)
	}
	what := strings.TrimSuffix(u.GetKind()+" "+u.GetNamespace()+"/"+u.GetName(), "/")
	k, known := kube.KindNamed(u.GetKind())
	switch {
	case !known || k.GVK() != u.GroupVersionKind() || !slices.Contains(order, k):
		return Manifest{}, fmt.Errorf("%s: %s (%s) is not of a namespaced kind that cutover applies", file, what, u.GetAPIVersion())
	case u.GetNamespace() == "" || u.GetName() == "":
		return Manifest{}, fmt.Errorf("%s: %s needs a name and a namespace of its own", file, what)
	}
	return Manifest{k, u, file}, nil
}
