package cli_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"cutover.dev/cutover/pkg/cli"
	"cutover.dev/cutover/pkg/kube/kubetest"
)

// tests are those of the package, which share API servers and the program.
type tests struct{ m *testing.M }

func (t tests) Run() int {
	_ = flag.Set("test.parallel", "8") // what runs side by side waits for servers all the time
	code := kubetest.Main(t.m)
	if built.dir != "" {
		_ = os.RemoveAll(built.dir) // it is in the folder for what is temporary
	}
	return code
}

func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){
		"cutover": func() {
			ctx, cancel := context.WithCancel(context.Background())
			code := cli.Main(ctx, os.Args, os.Getenv, os.Stdin, os.Stdout, os.Stderr)
			cancel()
			os.Exit(code)
		},
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			plan, err := os.ReadFile("../../plans/demo.yaml")
			if err != nil {
				return err
			}
			return errors.Join(os.WriteFile(e.WorkDir+"/demo.yaml", plan, 0o644), os.CopyFS(e.WorkDir+"/plans/demo", os.DirFS("../../plans/demo")))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits runs `exits CODE cutover …` and wants that exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARGUMENT]…")
	}
	code := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := err.(interface{ ExitCode() int })
		if !ok {
			ts.Fatalf("run %q: %v", args[1:], err)
		}
		code = strconv.Itoa(exit.ExitCode())
	}
	if code != args[0] {
		ts.Fatalf("%q ended with exit code %s, want %s", args[1:], code, args[0])
	}
}
