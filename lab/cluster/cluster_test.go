package cluster

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"cutover.dev/cutover/lab/objects"
	"cutover.dev/cutover/lab/pki"
	"cutover.dev/cutover/lab/world"
)

func TestAKubeconfigHasEverythingInside(t *testing.T) {
	authority, err := pki.NewAuthority("lab")
	if err != nil {
		t.Fatal(err)
	}
	data, err := kubeconfig(world.New, authority.Cert, identity{user: "system:node:x", token: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(data)
	if err != nil {
		t.Fatal(err)
	}
	if config.Host != "https://172.30.0.12:6443" || config.BearerToken != "secret" {
		t.Errorf("host %q, token %q", config.Host, config.BearerToken)
	}
	if string(config.CAData) != string(authority.Cert) {
		t.Error("the lab's root certificate is not inside")
	}
}

func TestEveryIdentityHasAFileOfItsOwn(t *testing.T) {
	c := New(world.Old, Deps{World: world.At("/cache")})
	files := map[string]string{}
	for _, id := range c.identities() {
		if other, ok := files[id.file]; ok || !strings.HasPrefix(id.file, "/cache/run/old/") {
			t.Errorf("%s writes %s, as does %q", id.user, id.file, other)
		}
		files[id.file] = id.user
	}
	if files["/cache/run/old/tr-main.kubeconfig"] != "tr-main" || files["/cache/run/old/kubeconfig"] != "admin" {
		t.Errorf("got %v", files)
	}
}

func TestConfigsAreValidAndKeepTheClustersApart(t *testing.T) {
	texts := map[string]string{}
	for _, which := range world.Clusters() {
		c := New(which, Deps{World: world.At("/cache")})
		for name, text := range map[string]string{"kubelet": kubeletConfig, "proxy": proxyConfig, "cni": cniConfig, "audit": auditPolicy} {
			data, err := c.render(name, text)
			if err != nil {
				t.Fatal(err)
			}
			var content map[string]any
			if err := yaml.UnmarshalStrict(data, &content); err != nil {
				t.Errorf("%s of %s: %v", name, c.Name, err)
			}
			other := map[string]string{"old": "/run/new/", "new": "/run/old/"}[c.Name]
			if strings.Contains(string(data), other) {
				t.Errorf("%s of %s names a file of the other cluster", name, c.Name)
			}
			if texts[name] == string(data) && name != "audit" {
				t.Errorf("%s is the same for both clusters", name)
			}
			texts[name] = string(data)
		}
	}
}

func TestThePlantedNamespaceIsTheOneThatPlansName(t *testing.T) {
	data, err := json.Marshal(systemNamespace(world.Old.UID, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	var back corev1.Namespace
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if string(back.UID) != "0b7f6c1e-6a0f-4a53-a9ad-3b0a5d2d7f10" || back.Name != "kube-system" || back.Status.Phase != corev1.NamespaceActive {
		t.Errorf("got %+v", back)
	}
}

func TestTheLabsOwnManifestsCanBeRead(t *testing.T) {
	if list, err := objects.Parse(baseManifest); err != nil || len(list) < 2 {
		t.Errorf("%d objects, %v", len(list), err)
	}
}

func TestOnlyThePublicEntryMayWriteIngressStatus(t *testing.T) {
	list, err := objects.Parse(baseManifest)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range list {
		if o.GetKind() != "ClusterRoleBinding" || o.GetName() != "lab-ingress-status" {
			continue
		}
		subjects := o.Object["subjects"].([]any)
		if len(subjects) != 1 || subjects[0].(map[string]any)["name"] != world.UserMain {
			t.Errorf("got %v", subjects)
		}
		return
	}
	t.Error("nobody may write the status")
}
