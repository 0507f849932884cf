package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

var published = regexp.MustCompile(`^[a-z0-9.-]+(/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}$`)

// action makes action.yml name a published image in place of the Dockerfile, and changes nothing else of it: who uses the
// action by the hash of that commit gets this image and no other.
func action(root, ref string) error {
	if !published.MatchString(ref) {
		return fmt.Errorf("%q is no image by digest: want REGISTRY/OWNER/NAME@sha256:…, all lower case", ref)
	}
	path := filepath.Join(root, metadata)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if errs := unwritten(string(text)); len(errs) > 0 {
		return fmt.Errorf("%s: %w", metadata, errors.Join(errs...))
	}
	return os.WriteFile(path, image.ReplaceAll(text, []byte("  image: docker://"+ref)), 0o644)
}
