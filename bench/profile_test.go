package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
)

// profiled writes profiles of a job into the folder that CUTOVER_BENCH_PROFILES names, if it names one.
func profiled(job string) (done func(), err error) {
	dir := os.Getenv("CUTOVER_BENCH_PROFILES")
	if dir == "" {
		return func() {}, nil
	}
	runtime.MemProfileRate = 64 << 10
	f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%s-%d.cpu", job, os.Getpid())))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close() // a profile that is cut off says so when it is read
		heap, err := os.Create(filepath.Join(dir, fmt.Sprintf("%s-%d.mem", job, os.Getpid())))
		if err == nil {
			_ = pprof.Lookup("allocs").WriteTo(heap, 0)
			_ = heap.Close()
		}
	}, nil
}
