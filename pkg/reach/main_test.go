package reach_test

import (
	"os"
	"testing"

	"cutover.dev/cutover/pkg/kube/kubetest"
)

func TestMain(m *testing.M) { os.Exit(kubetest.Main(m)) }
