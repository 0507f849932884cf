package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"cutover.dev/cutover/lab/cache"
	"cutover.dev/cutover/lab/objects"
	"cutover.dev/cutover/lab/world"
)

const relaySpace = "bench-relay"

// relay has `bench` measure a relay in old, from the machine's own network: that one reaches pods directly too. What is
// measured is the product's own way through it, which the lab does not know how to speak.
func (m *measuring) relay(ctx context.Context) error {
	kubeconfig := m.world.Kubeconfig(world.Old, world.UserAdmin)
	old, err := objects.Connect(kubeconfig)
	if err != nil {
		return err
	}
	list, err := objects.Parse([]byte("{apiVersion: v1, kind: Namespace, metadata: {name: " + relaySpace + "}}\n"))
	if err != nil {
		return err
	}
	if err := old.Apply(ctx, list...); err != nil {
		return fmt.Errorf("make a namespace for the relay: %w", err)
	}
	pods, err := old.Kube.CoreV1().Pods(space).List(ctx, metav1.ListOptions{LabelSelector: "app=" + stays})
	if err != nil {
		return fmt.Errorf("find the pod of %s: %w", stays, err)
	}
	if len(pods.Items) != 1 || pods.Items[0].Status.PodIP == "" {
		return fmt.Errorf("%s has %d pods, want one with an address", stays, len(pods.Items))
	}
	with, err := json.Marshal(map[string]string{
		"Kubeconfig": kubeconfig, "Namespace": relaySpace, "Image": cache.CutoverImage,
		"Pod": net.JoinHostPort(pods.Items[0].Status.PodIP, "8080"),
	})
	if err != nil {
		return err
	}
	fmt.Println("relay:", crowd())
	cmd := exec.CommandContext(ctx, "go", "test", "./bench", "-run", "^$", "-bench", "Relay", "-benchtime", "1x", "-timeout", "10m")
	cmd.Dir, cmd.Stdout, cmd.Stderr = m.root, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "CUTOVER_BENCH_RELAY="+string(with))
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("measure the relay: %w", err)
	}
	return nil
}
