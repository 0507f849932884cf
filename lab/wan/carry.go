package wan

import (
	"io"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"
)

// waiting is how many packets of one direction may be under way; a link loses what comes on top.
const waiting = 4096

// Faults are what happens to the packets of one direction.
type Faults struct {
	Delay   time.Duration // of every packet
	Drop    float64       // the share that is lost, from 0 to 1
	Largest int           // bytes; larger packets are lost, and nobody is told. 0: none are
	Cut     bool          // all are lost
}

// loses says whether a packet is lost.
func (f Faults) loses(size int) bool {
	return f.Cut || f.Largest > 0 && size > f.Largest || f.Drop > 0 && rand.Float64() < f.Drop //nolint:gosec // no secret
}

// way is one direction.
type way struct {
	faults        atomic.Pointer[Faults]
	through, lost atomic.Int64
	over          chan struct{} // closed at its end
}

type packet struct {
	data []byte
	due  time.Time
}

// carry moves packets until one of the ends is closed. Each read is one packet, and so is each write.
func carry(from io.Reader, to io.Writer) *way {
	w := &way{over: make(chan struct{})}
	w.faults.Store(&Faults{})
	queue := make(chan packet, waiting)
	go func() {
		defer close(queue)
		buffer := make([]byte, 1<<16)
		for {
			n, err := from.Read(buffer)
			if err != nil {
				return
			}
			f := w.faults.Load()
			if f.loses(n) {
				w.lost.Add(1)
				continue
			}
			select {
			case queue <- packet{slices.Clone(buffer[:n]), time.Now().Add(f.Delay)}:
			default:
				w.lost.Add(1)
			}
		}
	}()
	go func() {
		defer close(w.over)
		for p := range queue {
			time.Sleep(time.Until(p.due))
			if _, err := to.Write(p.data); err != nil { // the device is gone, or takes no such packet
				w.lost.Add(1)
				continue
			}
			w.through.Add(1)
		}
	}()
	return w
}
