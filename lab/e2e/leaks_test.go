package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// leaks names every place that has a secret in it, whole or a long line of it, as it is or in base64, and every secret that is too short
// to be looked for.
func leaks(places map[string][]byte, secrets map[string]string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		looks := disguises(secrets[name])
		if len(looks) == 0 {
			out = append(out, fmt.Sprintf("the %s cannot be looked for, none of its lines has %d characters", name, telling))
		}
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
		"pin":     "canary-too-shor",
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
	values := map[string]any{"token": secrets["token"]}
	for kind, part := range map[string]map[string]any{
		"Secret": {"data": values}, // there it belongs
		"Lease":  {"metadata": map[string]any{"name": "lock", "annotations": values}},
		"Event":  {"message": "no answer to " + secrets["token"]},
		"ConfigMap": {"data": map[string]any{"text": "clean"}, "binaryData": map[string]any{
			"packed": base64.StdEncoding.EncodeToString(packed.Bytes()), "plain": base64.StdEncoding.EncodeToString([]byte("clean")),
		}},
	} {
		part["kind"] = kind
		if n := shows(t, places, "new", &unstructured.Unstructured{Object: part}); n != 2 && kind == "ConfigMap" {
			t.Errorf("%d packed parts are seen, want 2", n)
		}
	}
	want := []string{
		"journal has the key", "new//ConfigMap/ packed has the key", "the pin cannot be looked for, none of its lines has 16 characters",
		"base64 0 has the token", "base64 1 has the token", "base64 2 has the token", "log has the token", "new//Event/ has the token", "new//Lease/lock has the token",
	}
	if got := leaks(places, secrets); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}
