// Package image writes container images as OCI archives that containerd imports: one layer
// with one program. It needs no daemon and no registry, and the same program always gives the
// same bytes.
package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Spec is an image of one static program.
type Spec struct {
	// Name with registry and tag: "lab.test/lab/app:1".
	Name string
	// Program is the file on this machine, Path where it lies in the image and what the
	// image starts.
	Program, Path string
}

const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar"
)

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

type index struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Manifests     []descriptor `json:"manifests"`
}

type config struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Config       struct {
		Entrypoint []string `json:"Entrypoint"`
		Env        []string `json:"Env"`
	} `json:"config"`
	RootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
}

// Write makes the archive. An existing file is replaced only when the new one is complete.
func Write(file string, s Spec, arch string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("write image %s: %w", s.Name, err)
	}
	next := file + ".next"
	defer os.Remove(next)
	out, err := os.Create(next)
	if err != nil {
		return fmt.Errorf("write image %s: %w", s.Name, err)
	}
	err = write(out, s, arch)
	if closing := out.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(next, file)
	}
	if err != nil {
		return fmt.Errorf("write image %s: %w", s.Name, err)
	}
	return nil
}

func write(out io.Writer, s Spec, arch string) error {
	colon := strings.LastIndexByte(s.Name, ':')
	if colon < 0 || !strings.HasPrefix(s.Path, "/") {
		return fmt.Errorf("name %q needs a tag and path %q a leading slash", s.Name, s.Path)
	}
	layer, err := layerOf(s)
	if err != nil {
		return err
	}
	layerRef := blob(typeLayer, layer)
	var c config
	c.Architecture, c.OS = arch, "linux"
	c.Config.Entrypoint = []string{s.Path}
	c.Config.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin"}
	c.RootFS.Type, c.RootFS.DiffIDs = "layers", []string{layerRef.Digest}
	configData, err := json.Marshal(c)
	if err != nil {
		return err
	}
	configRef := blob(typeConfig, configData)
	manifestData, err := json.Marshal(manifest{2, typeManifest, configRef, []descriptor{layerRef}})
	if err != nil {
		return err
	}
	manifestRef := blob(typeManifest, manifestData)
	manifestRef.Annotations = map[string]string{
		"io.containerd.image.name":          s.Name,
		"org.opencontainers.image.ref.name": s.Name[colon+1:],
	}
	indexData, err := json.Marshal(index{2, typeIndex, []descriptor{manifestRef}})
	if err != nil {
		return err
	}
	archive := tar.NewWriter(out)
	for _, f := range []struct {
		name string
		data []byte
	}{
		{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{"index.json", indexData},
		{blobPath(manifestRef), manifestData},
		{blobPath(configRef), configData},
		{blobPath(layerRef), layer},
	} {
		if err := add(archive, f.name, 0o644, f.data); err != nil {
			return err
		}
	}
	return archive.Close()
}

// layerOf is the program at its path, in a tar without times or owners.
func layerOf(s Spec) ([]byte, error) {
	program, err := os.ReadFile(s.Program)
	if err != nil {
		return nil, err
	}
	var layer bytes.Buffer
	archive := tar.NewWriter(&layer)
	path := strings.TrimPrefix(s.Path, "/")
	for i, r := range path {
		if r == '/' {
			folder := &tar.Header{Typeflag: tar.TypeDir, Name: path[:i+1], Mode: 0o755}
			if err := archive.WriteHeader(folder); err != nil {
				return nil, err
			}
		}
	}
	if err := add(archive, path, 0o755, program); err != nil {
		return nil, err
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return layer.Bytes(), nil
}

func add(archive *tar.Writer, name string, mode int64, data []byte) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(data))}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := archive.Write(data)
	return err
}

func blob(mediaType string, data []byte) descriptor {
	sum := sha256.Sum256(data)
	return descriptor{MediaType: mediaType, Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: int64(len(data))}
}

func blobPath(d descriptor) string {
	return "blobs/sha256/" + strings.TrimPrefix(d.Digest, "sha256:")
}
