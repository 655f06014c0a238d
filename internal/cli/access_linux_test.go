package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// In a shared folder, a server of somebody else is not taken for one's own, as it
// would be told ORRERY_TOKEN.
func TestServerOfAnotherUserIsNotFound(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives folders away")
	}
	here := t.TempDir()
	config := newConfig(t)
	config.Data = filepath.Join(here, "orrery-data")
	s := startServer(t, config)
	defer stopServer(t, s)
	nowhere(t, nil)
	t.Chdir(here)
	t.Setenv("ORRERY_DATA", "")
	t.Setenv("ORRERY_TOKEN", "of-env")
	t.Setenv("SUDO_UID", "")
	local := "http://" + s.HTTPAddr().String() + "/api/v1"
	if found, err := accessWith(t); err != nil || found.url != local {
		t.Errorf("one's own: %s %v", found.url, err)
	}
	if err := os.Chown(config.Data, 12345, -1); err != nil {
		t.Skip(err)
	}
	if found, err := accessWith(t); err == nil || found != (access{}) || !strings.Contains(err.Error(), "is another user's; if it is the one you mean, name it with --data") {
		t.Errorf("another user's: %+v %v", found, err)
	}
	if found, err := accessWith(t, "--data", config.Data); err != nil || found.url != local {
		t.Errorf("one that is named: %s %v", found.url, err)
	}
	t.Setenv("SUDO_UID", "12345")
	if found, err := accessWith(t); err != nil || found.url != local {
		t.Errorf("with sudo: %s %v", found.url, err)
	}
}
