package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"cutover.dev/cutover/pkg/journal"
	"cutover.dev/cutover/pkg/kube"
)

func entries(from, n int) []journal.Entry {
	batch := make([]journal.Entry, n)
	for i := range batch {
		batch[i] = journal.Entry{
			At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Run: "run", Phase: "routes", Gen: 1, What: journal.Done,
			Step: fmt.Sprintf("apply:new/shop/Ingress/%d", from+i), Was: json.RawMessage("null"),
		}
	}
	return batch
}

func load(t *testing.T, s *Store) ([]journal.Entry, string) {
	t.Helper()
	all, version, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all, version
}

func appendAll(t *testing.T, s *Store, version string, batch []journal.Entry) string {
	t.Helper()
	next, err := s.Append(t.Context(), version, batch)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func TestTenThousandEntriesComeBackInOrder(t *testing.T) {
	api := newMemory()
	s := New(api, "cutover-system", "shop")
	_, version := load(t, s)
	var want []journal.Entry
	for i := 0; i < 10_000; i += 4 {
		batch := entries(i, 4)
		want = append(want, batch...)
		version = appendAll(t, s, version, batch)
	}
	got, again := load(t, New(api, "cutover-system", "shop"))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	if again != version {
		t.Errorf("version %q, the writer had %q", again, version)
	}
	if len(api.objects) < 2 {
		t.Error("all in one segment")
	}
	for name, u := range api.objects {
		if data, err := content(u); err != nil || len(data) > full+8<<10 {
			t.Errorf("%s has %d bytes: %v", name, len(data), err)
		}
	}
}

func TestTheSecondWriterAtAVersionIsRefused(t *testing.T) {
	for _, filled := range []int{0, 3, 400} { // no segment, one with room, and near the seal
		t.Run(fmt.Sprint(filled), func(t *testing.T) {
			api := newMemory()
			a, b := New(api, "ns", "shop"), New(api, "ns", "shop")
			_, v := load(t, a)
			for i := range filled {
				v = appendAll(t, a, v, entries(i, 1))
			}
			_, vb := load(t, b)
			appendAll(t, a, v, noise(filled, 1, 100_000)) // seals
			for _, size := range []int{10, 100_000} {
				if _, err := b.Append(t.Context(), vb, noise(filled, 1, size)); !errors.Is(err, journal.ErrConflict) {
					t.Fatalf("second writer with %d bytes: %v", size, err)
				}
			}
			if all, _ := load(t, New(api, "ns", "shop")); len(all) != filled+1 {
				t.Fatalf("%d entries, want %d", len(all), filled+1)
			}
		})
	}
}

// noise are entries that do not compress.
func noise(from, n, size int) []journal.Entry {
	batch := entries(from, n)
	random := rand.New(rand.NewPCG(1, uint64(from)))
	for i := range batch {
		b := make([]byte, size)
		for j := range b {
			b[j] = byte(random.Uint32())
		}
		batch[i].Was, _ = json.Marshal(b)
	}
	return batch
}

func TestAnOldVersionIsRefusedByTheStoreThatWroteTheNewOne(t *testing.T) {
	s := New(newMemory(), "ns", "shop")
	_, v := load(t, s)
	appendAll(t, s, v, entries(0, 1))
	if _, err := s.Append(t.Context(), v, entries(1, 1)); !errors.Is(err, journal.ErrConflict) {
		t.Errorf("appended to a version that is no more: %v", err)
	}
}

func TestABatchCountsOnlyWhenAllItsPartsAreThere(t *testing.T) {
	api := newMemory()
	s := New(api, "ns", "shop")
	_, v := load(t, s)
	v = appendAll(t, s, v, entries(0, 2))
	big := noise(2, 6, 300_000)
	cut := &cutOff{memory: api, after: 2}
	dying := New(cut, "ns", "shop")
	load(t, dying)
	if _, err := dying.Append(t.Context(), v, big); err == nil {
		t.Fatal("the API server was cut off, and the append succeeded")
	}
	next := New(api, "ns", "shop")
	all, v := load(t, next)
	if len(all) != 2 {
		t.Fatalf("%d entries after a batch that was cut off, want 2", len(all))
	}
	appendAll(t, next, v, big)
	if all, _ := load(t, New(api, "ns", "shop")); len(all) != 8 || !bytes.Equal(all[7].Was, big[5].Was) {
		t.Fatalf("%d entries after it was appended again", len(all))
	}
}

// cutOff loses the API server after some writes.
type object = unstructured.Unstructured

type cutOff struct {
	*memory
	after int
}

func (c *cutOff) Create(ctx context.Context, u *object) (*object, error) {
	if c.after--; c.after < 0 {
		return nil, errors.New("gone")
	}
	return c.memory.Create(ctx, u)
}

func (c *cutOff) Update(ctx context.Context, u *object) (*object, error) {
	if c.after--; c.after < 0 {
		return nil, errors.New("gone")
	}
	return c.memory.Update(ctx, u)
}

func TestWhatDoesNotCompressFitsIntoASegmentThatIsAlmostFull(t *testing.T) {
	last := &segment{data: make([]byte, full-1)}
	line := make([]byte, heap-1)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range line {
		line[i] = byte(random.Uint32())
	}
	part, err := compress(head{}, [][]byte{line})
	if err != nil {
		t.Fatal(err)
	}
	if got := len(last.with(part).data); got > largest || got < largest-16<<10 {
		t.Errorf("%d bytes of at most %d", got, largest)
	}
}

func TestAMissingSegmentIsAnErrorAndNotAShorterJournal(t *testing.T) {
	api := newMemory()
	s := New(api, "ns", "shop")
	_, v := load(t, s)
	for i := range 3 {
		v = appendAll(t, s, v, noise(i, 1, 100_000))
	}
	api.remove(kube.ConfigMap, "ns", "cutover-shop-journal-1")
	if _, _, err := s.Load(t.Context()); err == nil {
		t.Fatal("loaded")
	}
}

func TestBlobsAreMadeOnceAndReplacedOnPurpose(t *testing.T) {
	api := newMemory()
	s := New(api, "ns", "shop")
	if _, err := s.LoadBlob(t.Context(), "inventory"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("load of nothing: %v", err)
	}
	large, small := noise(0, 1, 2_000_000)[0].Was, []byte("{}")
	for i, step := range []struct {
		data    []byte
		replace bool
		err     error
		want    []byte
	}{
		{large, false, nil, large},
		{large, false, nil, large}, // the same again, by a run that resumes
		{small, false, fs.ErrExist, large},
		{small, true, nil, small},
	} {
		if err := s.SaveBlob(t.Context(), "inventory", step.data, step.replace); !errors.Is(err, step.err) {
			t.Fatalf("save %d: %v, want %v", i, err, step.err)
		}
		if got, err := s.LoadBlob(t.Context(), "inventory"); err != nil || !bytes.Equal(got, step.want) {
			t.Fatalf("load %d: %d bytes, %v", i, len(got), err)
		}
	}
}

func TestAMirrorFollowsAndNeverGoesBack(t *testing.T) {
	original, copied := newMemory(), newMemory()
	s, m := New(original, "ns", "shop"), New(copied, "state", "shop")
	_, v := load(t, s)
	if err := s.SaveBlob(t.Context(), "inventory", []byte("{}"), false); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		v = appendAll(t, s, v, noise(i, 1, 40_000))
		if err := s.Mirror(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		all, _ := load(t, m)
		if len(all) != i+1 {
			t.Fatalf("mirror has %d entries, want %d", len(all), i+1)
		}
	}
	if b, err := m.LoadBlob(t.Context(), "inventory"); err != nil || string(b) != "{}" {
		t.Errorf("blob in the mirror: %q %v", b, err)
	}
	writes := copied.writes
	if err := s.Mirror(t.Context(), m); err != nil || copied.writes != writes {
		t.Errorf("mirrored once more: %v, %d writes", err, copied.writes-writes)
	}
	_, v = load(t, m)
	appendAll(t, m, v, entries(3, 1)) // a rollback from the mirror
	if err := s.Mirror(t.Context(), m); !errors.Is(err, ErrDiverged) {
		t.Errorf("a mirror that was written to: %v", err)
	}
}
