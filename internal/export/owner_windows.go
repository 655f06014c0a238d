package export

import (
	"io/fs"
	"os"
)

// keepOwner returns the mode of the file that is replaced. A new file has its
// rights from the folder.
func keepOwner(_ *os.File, old fs.FileInfo) fs.FileMode { return old.Mode().Perm() }
