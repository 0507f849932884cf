package bench

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ticks is how many of the kernel's clock ticks are a second; it is the same on every Linux that Go runs on.
const ticks = 100

// stopwatch measures a part of a child's work: how long it took, and the CPU time that the child and both servers, which
// are children of the same process, spent on it. Where others use the machine too, that is the steadier of the two.
type stopwatch struct {
	at  time.Time
	cpu float64
}

func start() stopwatch {
	cpu := spent() // looking takes some too
	return stopwatch{time.Now(), cpu}
}

func (s stopwatch) stop(count int) took {
	return took{Seconds: time.Since(s.at).Seconds(), CPU: spent() - s.cpu, Count: count}
}

// siblings are the children that the parent of this process has, this one among them. All servers run before it does.
var siblings = sync.OnceValue(func() (files []string) {
	all, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is right
	for _, file := range all {
		if fields := stat(file); len(fields) > 1 && fields[1] == strconv.Itoa(os.Getppid()) {
			files = append(files, file)
		}
	}
	return files
})

// stat is the fields of such a file from the third on: state, parent, …; none if the process has ended.
func stat(file string) []string {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
}

// spent is the CPU time of all siblings in seconds.
func spent() (seconds float64) {
	for _, file := range siblings() {
		fields := stat(file)
		if len(fields) < 13 {
			continue
		}
		for _, field := range fields[11:13] { // user and system time
			n, err := strconv.ParseFloat(field, 64)
			if err == nil {
				seconds += n / ticks
			}
		}
	}
	return seconds
}
