package cluster

import "syscall"

// bindPrivately mounts a folder on itself and keeps what is mounted in it from spreading.
// It is a pair of system calls because the mount program leaves a table of its own behind.
func bindPrivately(folder string) error {
	if err := syscall.Mount(folder, folder, "", syscall.MS_BIND, ""); err != nil {
		return err
	}
	return syscall.Mount("", folder, "", syscall.MS_PRIVATE, "")
}
