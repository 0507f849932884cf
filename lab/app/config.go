package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// config is what the environment of the pod says.
type config struct {
	Listen, Control        string
	Cluster, Pod, Workload string

	Backend  string // BACKEND_URL: asked for every answer, and its answer shown
	Greeting string // GREETING_FILE: mounted from a ConfigMap, shown as it is
	Secret   string // SECRET_FILE: mounted from a Secret, shown as the start of its sha256

	Delay time.Duration // DELAY: before every answer
	Burn  time.Duration // BURN: processor time spent on every answer, for the autoscaler

	Drain  time.Duration // DRAIN_SECONDS: how long it goes on serving after SIGTERM
	Abrupt bool          // DRAIN_SECONDS below 0: dies at once

	// Faults from the start: 1 for everywhere, or the name of the one cluster in which it is so, for the same manifest runs
	// in both.
	FailReady   bool // FAIL_READY: never ready
	FailAnswers bool // FAIL_ANSWERS: ready, but every answer is 500
	Slow        bool // SLOW: every answer takes half a second more
}

// configFrom reads the environment and names every mistake in it.
func configFrom(getenv func(string) string) (config, error) {
	var errs []error
	duration := func(name string) time.Duration {
		if getenv(name) == "" {
			return 0
		}
		d, err := time.ParseDuration(getenv(name))
		if err != nil {
			errs = append(errs, fmt.Errorf("read %s: %w", name, err))
		}
		return d
	}
	cluster := strings.TrimPrefix(getenv("NODE_NAME"), "node-")
	fault := func(name string) bool { return getenv(name) == "1" || getenv(name) != "" && getenv(name) == cluster }
	c := config{
		Listen: or(getenv("LISTEN"), ":8080"), Control: or(getenv("CONTROL"), ":8081"),
		Workload: getenv("WORKLOAD"), Pod: getenv("POD_NAME"), Cluster: cluster,
		Backend: getenv("BACKEND_URL"), Greeting: getenv("GREETING_FILE"), Secret: getenv("SECRET_FILE"),
		Delay: duration("DELAY"), Burn: duration("BURN"),
		FailReady: fault("FAIL_READY"), FailAnswers: fault("FAIL_ANSWERS"), Slow: fault("SLOW"),
	}
	if c.Workload == "" {
		errs = append(errs, errors.New("WORKLOAD is not set"))
	}
	if c.Cluster == "" {
		errs = append(errs, errors.New("NODE_NAME is not set (the pod takes it from spec.nodeName)"))
	}
	if c.Pod == "" {
		c.Pod, _ = os.Hostname() // the pod's name, unless the manifest sets a host name
	}
	if s := getenv("DRAIN_SECONDS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			errs = append(errs, fmt.Errorf("read DRAIN_SECONDS: %w", err))
		}
		c.Drain, c.Abrupt = time.Duration(max(n, 0))*time.Second, n < 0
	}
	return c, errors.Join(errs...)
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}
