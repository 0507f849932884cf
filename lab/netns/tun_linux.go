package netns

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"cutover.dev/cutover/lab/world"
)

// request is struct ifreq of <net/if.h>, as far as a TUN device needs it.
type request struct {
	name  [syscall.IFNAMSIZ]byte
	flags uint16
	_     [22]byte
}

// OpenTUN makes a TUN device in a network namespace. A read is a packet that is routed to it, a write one that comes from it. It is
// there until the file is closed.
func OpenTUN(space, name string) (*os.File, error) {
	var file *os.File
	err := world.Inside(space, func() error {
		// Not blocking, or a Read could not be ended by Close.
		fd, err := syscall.Open("/dev/net/tun", syscall.O_RDWR|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		r := request{flags: syscall.IFF_TUN | syscall.IFF_NO_PI}
		copy(r.name[:syscall.IFNAMSIZ-1], name)
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.TUNSETIFF, uintptr(unsafe.Pointer(&r))); errno != 0 {
			_ = syscall.Close(fd)
			return errno
		}
		file = os.NewFile(uintptr(fd), space+"/"+name)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("make the device %s in %s: %w", name, space, err)
	}
	return file, nil
}
