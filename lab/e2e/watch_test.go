package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"cutover.dev/cutover/lab/rehearse"
	"cutover.dev/cutover/lab/world"
)

// What the watch window is tried on: a workload of the last wave that has an Ingress to itself.
const (
	watchedSpace, watched = "blog", "media"
	proxyService          = "cutover-proxy"
	controlPort           = 8081
	broken                = 4 // exit code: failed after something was begun
)

// watchWindow runs the last wave, and lets a workload's pods in new stop being ready right after its route was swapped.
// The tool has to take the route back and to fail; when the fault is gone, the next run has to succeed. Until the tool sees
// it, the entry answers 404: these losses are counted and forgiven.
func (r *rig) watchWindow(t *testing.T, phase string) {
	// Longer than the lab's pods need to be found not ready: ten probes, one a second.
	r.under(t, "long", but(calm, "watch: 15s"), func() { r.notReady(t, phase) })
	r.apply(t, phase)
	if err := r.leads(t, watched); err != nil {
		t.Errorf("after the fault is gone: %v", err)
	}
}

func (r *rig) notReady(t *testing.T, phase string) {
	ended := make(chan rehearse.Result, 1)
	ctx, cancel := context.WithTimeout(t.Context(), verbEnd)
	log, over := r.file(t, "watch-window.log"), make(chan struct{})
	defer func() { cancel(); <-over }() // no tool is left behind, whatever fails here
	go func() {
		defer close(over)
		got, err := r.tool.Run(ctx, log, "apply", "--plan", r.tool.Plan, "--output", "json", "--phase", phase)
		if err != nil {
			got.Code, got.Stderr = -1, []byte(err.Error())
		}
		ended <- got
	}()
	r.until(t, "the route is swapped", 3*time.Minute, func() error {
		select {
		case got := <-ended:
			t.Fatalf("the tool ended with exit code %d before the swap:\n%s", got.Code, got.Stderr)
		default:
		}
		return r.leads(t, watched)
	})
	began := time.Now()
	r.fault(t, watchedSpace, watched, "ready", http.MethodPut)
	got := <-ended
	if got.Code != broken {
		t.Errorf("the tool ended with exit code %d, want %d:\n%s", got.Code, broken, got.Stderr)
	}
	if err := r.leads(t, proxyService); err != nil {
		t.Errorf("the route was not sent back: %v", err)
	}
	if !strings.Contains(string(got.Stderr), watched) {
		t.Errorf("the tool does not name %s:\n%s", watched, got.Stderr)
	}
	r.fault(t, watchedSpace, watched, "ready", http.MethodDelete)
	r.forgiven = append(r.forgiven, span{began, time.Now()}) // from here on nothing may be lost
}

// leads wants every backend of the Ingress in new to be that Service.
func (r *rig) leads(t *testing.T, service string) error {
	ing, err := r.client(t, world.New).NetworkingV1().Ingresses(watchedSpace).Get(t.Context(), watched, metav1.GetOptions{})
	if err != nil {
		return err
	}
	names := backends(ing)
	if len(names) == 0 {
		return errors.New("the Ingress leads nowhere")
	}
	for _, name := range names {
		if name != service {
			return fmt.Errorf("it leads to %v, want only %s", names, service)
		}
	}
	return nil
}

func backends(ing *networkingv1.Ingress) []string {
	var names []string
	for _, rule := range ing.Spec.Rules {
		if rule.HTTP == nil {
			continue
		}
		for _, p := range rule.HTTP.Paths {
			if p.Backend.Service != nil {
				names = append(names, p.Backend.Service.Name)
			}
		}
	}
	return names
}

// fault sets (PUT) or clears (DELETE) a fault in every pod of a workload in new, as that goes on running.
func (r *rig) fault(t *testing.T, space, workload, name, method string) {
	t.Helper()
	pods, err := r.client(t, world.New).CoreV1().Pods(space).List(t.Context(), metav1.ListOptions{LabelSelector: "app=" + workload})
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, pod := range pods.Items {
		if pod.Status.PodIP == "" || pod.DeletionTimestamp != nil {
			continue
		}
		url := fmt.Sprintf("http://%s:%d/faults/%s", pod.Status.PodIP, controlPort, name)
		req, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Client{Timeout: 10 * time.Second}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %s", method, url, resp.Status)
		}
		told++
	}
	if told == 0 {
		t.Fatalf("there is no pod of %s in new", workload)
	}
}
