package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func sample(t *testing.T, content string) Spec {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return Spec{Name: "lab.test/lab/app:1", Program: program, Path: "/usr/local/bin/app"}
}

func unpack(t *testing.T, data []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	archive := tar.NewReader(bytes.NewReader(data))
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = content
	}
}

func TestEveryBlobIsNamedByItsContent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.tar")
	if err := Write(file, sample(t, "hello"), "amd64"); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	blobs := 0
	for name, content := range unpack(t, data) {
		digest, ok := strings.CutPrefix(name, "blobs/sha256/")
		if !ok {
			continue
		}
		blobs++
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != digest {
			t.Errorf("%s has another content", name)
		}
	}
	if blobs != 3 {
		t.Errorf("%d blobs, want manifest, config and one layer", blobs)
	}
}

func TestTheProgramCanBeStartedWhereTheConfigSays(t *testing.T) {
	var out bytes.Buffer
	if err := write(&out, sample(t, "hello"), "arm64"); err != nil {
		t.Fatal(err)
	}
	files := unpack(t, out.Bytes())
	var i index
	if err := json.Unmarshal(files["index.json"], &i); err != nil {
		t.Fatal(err)
	}
	if got := i.Manifests[0].Annotations["io.containerd.image.name"]; got != "lab.test/lab/app:1" {
		t.Errorf("image is called %q", got)
	}
	var m manifest
	if err := json.Unmarshal(files[blobPath(i.Manifests[0])], &m); err != nil {
		t.Fatal(err)
	}
	var c config
	if err := json.Unmarshal(files[blobPath(m.Config)], &c); err != nil {
		t.Fatal(err)
	}
	if c.Architecture != "arm64" || c.RootFS.DiffIDs[0] != m.Layers[0].Digest {
		t.Errorf("config %+v does not fit layer %s", c, m.Layers[0].Digest)
	}
	layer := tar.NewReader(bytes.NewReader(files[blobPath(m.Layers[0])]))
	for {
		header, err := layer.Next()
		if err != nil {
			t.Fatalf("no program at %s: %v", c.Config.Entrypoint[0], err)
		}
		if "/"+header.Name == c.Config.Entrypoint[0] {
			if header.Mode&0o111 == 0 {
				t.Errorf("mode %o: cannot be started", header.Mode)
			}
			return
		}
	}
}

func TestTheSameProgramGivesTheSameImage(t *testing.T) {
	var one, two, other bytes.Buffer
	for out, spec := range map[*bytes.Buffer]Spec{&one: sample(t, "hello"), &two: sample(t, "hello"), &other: sample(t, "bye")} {
		if err := write(out, spec, "amd64"); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("two images of the same program differ")
	}
	if bytes.Equal(one.Bytes(), other.Bytes()) {
		t.Error("images of different programs are equal")
	}
}

func TestAFailedWriteLeavesNoFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.tar")
	err := Write(file, Spec{Name: "lab.test/lab/app:1", Program: "/nonexistent", Path: "/app"}, "amd64")
	if err == nil {
		t.Fatal("no error for a program that is not there")
	}
	left, _ := filepath.Glob(file + "*")
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
