package inventory_test

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestWhatCountsAsTheNameOfAService puts one text at a time into the environment of blog/Deployment/blog, beside the
// Services shop/web and blog/blog, blog/db.
func TestWhatCountsAsTheNameOfAService(t *testing.T) {
	for text, want := range map[string]string{
		"http://db":                            "blog/db",
		"http://user:pw@db/x":                  "blog/db",
		"db:5432":                              "blog/db",
		"tcp://DB:5432/x":                      "blog/db",
		"db":                                   "blog/db",
		" db ":                                 "blog/db",
		"--host=db":                            "blog/db",
		"psql -h db -U x":                      "blog/db",
		"run --db-host db --fast":              "blog/db",
		"a,db,c":                               "blog/db",
		"host: db\nport: 1":                    "blog/db",
		"- db\n- x":                            "blog/db",
		`{"host":"db","x":1}`:                  "blog/db",
		`host: "db" # main`:                    "blog/db",
		"mongodb://db-0.db,db-1.db/x":          "blog/db",
		"http://web.shop":                      "shop/web",
		"web.shop.svc":                         "shop/web",
		"x web.shop.svc.cluster.local. y":      "shop/web",
		"http://WEB.shop.svc.cluster.local:80": "shop/web",
		"web-0.web.shop.svc.cluster.local":     "shop/web",
		"http://$(DB_SERVICE_HOST):1":          "blog/db",
		"auth.platform.svc:80":                 "platform/auth outside",
		"https://auth.platform.svc.cluster.local": "platform/auth outside",
		"https://kubernetes.default.svc":          "",
		"kube-dns.kube-system.svc.cluster.local":  "",
		"gone.shop.svc":                           "",
		"web.shop.example.com":                    "",
		"https://web.example.com/db":              "",
		"web":                                     "", // of another namespace
		"the db is slow":                          "",
		"mydb:5432":                               "",
		"db-old":                                  "",
		"db.sqlite":                               "",
		"image db:1.25":                           "",
		"/var/lib/db/x":                           "",
		"":                                        "",
	} {
		c := read(t, "testdata/good.yaml")
		db := &unstructured.Unstructured{Object: map[string]any{"kind": "Service", "apiVersion": "v1"}}
		db.SetNamespace("blog")
		db.SetName("db")
		c.objects = append(c.objects, db)
		containers := []any{map[string]any{"name": "app", "env": []any{map[string]any{"name": "X", "value": text}}}}
		if err := unstructured.SetNestedSlice(c.find(t, "Deployment", "blog").Object, containers, "spec", "template", "spec", "containers"); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, call := range take(t, c, "shop", "blog").Calls {
			if call.From != ref("blog/Deployment/blog") {
				continue
			}
			name := call.To.String()
			if call.Outside {
				name += " outside"
			}
			got = append(got, name)
		}
		if !slices.Equal(got, strings.FieldsFunc(want, func(r rune) bool { return r == '|' })) {
			t.Errorf("%q calls %v, not %q", text, got, want)
		}
	}
}
