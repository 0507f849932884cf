// Package world holds the facts of the lab: where its files are, which address is whose,
// and how to run a program inside one of its networks.
//
// It is for everybody who uses the lab: the lab itself, the demo, the load generator and the
// tests. It must not start, stop or change anything.
package world

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// CacheVariable names the environment variable that moves the cache folder.
const CacheVariable = "CUTOVER_LAB_CACHE"

// World is one lab on this machine. All its files are below Cache.
type World struct {
	// Cache keeps downloads and builds between runs; only people delete it.
	Cache string
	// Run holds everything of the lab that is up now; taking the lab down deletes it.
	Run string
}

// Here is the lab of this machine: $CUTOVER_LAB_CACHE, or cutover-lab in the user's cache folder.
func Here() (World, error) {
	cache := os.Getenv(CacheVariable)
	if cache == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return World{}, fmt.Errorf("find the cache folder (set %s): %w", CacheVariable, err)
		}
		cache = filepath.Join(base, "cutover-lab")
	}
	cache, err := filepath.Abs(cache)
	if err != nil {
		return World{}, fmt.Errorf("find the cache folder %s: %w", cache, err)
	}
	return At(cache), nil
}

// At is the lab whose cache is in the given folder.
func At(cache string) World {
	return World{Cache: cache, Run: filepath.Join(cache, "run")}
}

// Tool is the path of an installed program: kubectl, etcd, traefik, envoy, contour ….
// It exists after the lab was up once.
func (w World) Tool(name string) string { return filepath.Join(w.Cache, "bin", name) }

// CA is the certificate of the lab's authority; it signed every server certificate of the lab.
func (w World) CA() string { return filepath.Join(w.Run, "pki", "ca.crt") }

// Folder is where the files of one cluster are.
func (w World) Folder(c Cluster) string { return filepath.Join(w.Run, c.Name) }

// Kubeconfig is the file for one identity in one cluster; see the User constants.
// Its certificates and token are inside, so that it can be copied anywhere.
func (w World) Kubeconfig(c Cluster, user string) string {
	if user == UserAdmin {
		return filepath.Join(w.Folder(c), "kubeconfig")
	}
	return filepath.Join(w.Folder(c), kubeconfigNames[user])
}

// Homes is where processes of the tool have their homes: by these, and with the run folder, they go when the lab does,
// also when who started them was killed.
func (w World) Homes() string { return filepath.Join(w.Run, "homes") }

// Audit is the audit log of one cluster's API server: requests of the cutover-* users.
func (w World) Audit(c Cluster) string { return filepath.Join(w.Folder(c), "audit.log") }

// Log is the output of one of the lab's daemons.
func (w World) Log(daemon string) string { return filepath.Join(w.Run, "log", daemon+".log") }

// ErrNoSource is returned by Source when the working folder is in no checkout of the lab.
var ErrNoSource = errors.New("not inside a checkout that has lab/go.mod")

// Source is the folder of the lab's Go module, looked for from the working folder upwards.
// The lab builds its images and its Kubernetes from there.
func Source() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the lab's sources: %w", err)
	}
	for {
		for _, candidate := range []string{dir, filepath.Join(dir, "lab")} {
			_, err := os.Stat(filepath.Join(candidate, "hyperkube", "go.mod"))
			if err == nil {
				return candidate, nil
			}
			if !errors.Is(err, fs.ErrNotExist) {
				return "", fmt.Errorf("find the lab's sources: %w", err)
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("find the lab's sources: %w", ErrNoSource)
		}
		dir = parent
	}
}
