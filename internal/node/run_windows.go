package node

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// apart keeps Ctrl-C from a program: a service is not left half stopped.
func apart(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}

func isPrivileged() bool { return windows.GetCurrentProcessToken().IsElevated() }

// owns is false: administrators alone may change the service's folder.
func owns(string) bool { return false }

// isPrivate is nil: makePrivate has made the folder.
func isPrivate(string, fs.FileInfo) error { return nil }

// makePrivate makes a folder that administrators and the system alone may look
// into. It is an error if there is one already: who may look into that is hard to
// tell.
func makePrivate(folder string) error {
	if err := os.MkdirAll(filepath.Dir(folder), 0o700); err != nil {
		return err
	}
	path, err := windows.UTF16PtrFromString(folder)
	if err != nil {
		return err
	}
	// Not inherited from above; full access, also to what will be inside.
	access, err := windows.SecurityDescriptorFromString("D:P(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)")
	if err != nil {
		return err
	}
	attributes := &windows.SecurityAttributes{SecurityDescriptor: access}
	attributes.Length = uint32(unsafe.Sizeof(*attributes))
	return windows.CreateDirectory(path, attributes)
}

// openNow is for other platforms: no pipe can be in the place of a file here.
const openNow = 0
