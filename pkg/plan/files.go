package plan

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// LoadFiles is Load, and asks besides that every file or folder that the plan names is there. dir is the folder in which
// the tool was started; what leads out of it, also by a symbolic link, is a mistake.
func LoadFiles(path, dir string) (*Plan, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder that the plan's paths start from: %w", err)
	}
	defer func() { _ = root.Close() }() // read only: there is nothing to lose
	return judged(decode(path, data, func(p *Plan, report reporter) { present(p, root, report) }))
}

// present reports paths that lead nowhere.
func present(p *Plan, root *os.Root, report reporter) {
	ask := func(at, path string) {
		if path == "" {
			return
		}
		switch _, err := root.Stat(filepath.FromSlash(path)); {
		case errors.Is(err, fs.ErrNotExist):
			report(at, "there is no %s", clip(path))
		case err != nil:
			report(at, "%s cannot be read: %v", clip(path), errors.Unwrap(err))
		}
	}
	ask("spec.bridge.manifests", p.Spec.Bridge.Manifests)
	if m := p.Spec.MongoDB; m != nil {
		ask("spec.mongodb.manifests", m.Manifests)
	}
	for i, w := range p.Spec.Waves {
		for j, l := range w.Workloads {
			if l.FromPath() {
				ask(fmt.Sprintf("spec.waves[%d].workloads[%d].source", i, j), l.Source)
			}
		}
	}
}
