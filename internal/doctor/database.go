package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/orrery-net/orrery/internal/server"
)

const (
	// databaseTime is how long reading the database is tried.
	databaseTime = 10 * time.Second
	// cheapSize is how large a database may be to be read, in bytes: more would
	// push what the server needs out of the system's cache.
	cheapSize = 1 << 30
)

// checkDatabase asks the server how it is, and reads the database if it is here.
func (s *survey) checkDatabase(ctx context.Context) []Finding {
	const name = "database"
	var found []Finding
	add := func(state State, text, do string) { found = append(found, Finding{name, state, text, do}) }
	switch {
	case s.pages.reached && s.pages.ready && s.pages.healthy:
		add(OK, "the server says that its database answers", "")
	case s.pages.reached:
		for _, line := range s.pages.state {
			if !line.good && !strings.HasPrefix(line.what, "network ") && !strings.HasPrefix(line.what, "root ") {
				add(Problem, fmt.Sprintf("the server is not ready: %s %s", line.what, line.text), "look at the server's log, make sure that the disk has room and works, and restart the server")
			}
		}
		if len(found) == 0 {
			add(Problem, "the server is not ready", "it may be starting or stopping: try again in a moment, then look at its log")
		}
	case s.Client != nil && s.statusErr != nil && !s.serverHere():
		add(Skipped, "the server does not answer", "see api")
	case s.Client != nil && s.isOrrery && !s.serverHere():
		add(Skipped, "the server does not show /readyz here, perhaps because of a proxy", "run orrery doctor on the server's machine")
	case s.Client != nil && !s.serverHere():
		add(Skipped, "only a server of Orrery says how its database is", "nothing; it is its operator's business")
	}
	if s.serverHere() {
		found = append(found, readDatabase(ctx, name, s.folder, s.Data))
	} else if s.Client == nil {
		add(Skipped, "there is no server's data folder here", "name it with --data, or run this on the server's machine")
	}
	return found
}

func readDatabase(ctx context.Context, name string, folder *server.Inspection, data string) Finding {
	info, err := os.Stat(folder.Database)
	if errors.Is(err, fs.ErrNotExist) {
		return Finding{name, Problem, "there is no " + folder.Database, "restore it from a backup, unless this server never had a network: then just start it"}
	}
	if err == nil && info.Size() > cheapSize {
		return Finding{name, Skipped, fmt.Sprintf("the database was not read, it has %d MiB", info.Size()>>20), "check a copy of it with sqlite3 COPY 'pragma integrity_check'"}
	}
	ctx, cancel := context.WithTimeout(ctx, databaseTime)
	defer cancel()
	var damage []string
	if err == nil {
		damage, err = server.CheckDatabase(ctx, data)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return Finding{name, Skipped, fmt.Sprintf("the database could not be read through in %s", databaseTime), "check a copy of it with sqlite3 COPY 'pragma integrity_check'"}
	case err != nil:
		return Finding{name, Skipped, "the database could not be read: " + err.Error(), "run this as the server's own user, or as root"}
	case len(damage) > 0:
		return Finding{name, Problem, folder.Database + " is damaged: " + strings.Join(damage, "; "), "stop the server, keep a copy of the file, and restore a backup (the sqlite3 command .recover may save what is left)"}
	}
	return Finding{name, OK, folder.Database + " is sound", ""}
}

// The free space below which a data folder is talked about, in bytes.
const (
	littleSpace = 1 << 30
	noSpace     = 64 << 20
)

// checkFolder looks at the disk and at who may read the secrets.
func (s *survey) checkFolder(context.Context) []Finding {
	const name = "folder"
	switch {
	case s.folderErr != nil:
		return one(name, Skipped, s.folderErr.Error(), "run this as the server's own user, or as root")
	case !s.serverHere():
		return one(name, Skipped, "the server's data folder is not on this machine", "run orrery doctor there, or name the folder with --data")
	}
	var found []Finding
	for _, path := range s.folder.Exposed {
		found = append(found, Finding{name, Problem, "other users of this machine may read " + path, "run chmod 600 " + path})
	}
	free, err := freeSpace(s.Data)
	switch {
	case err != nil:
		found = append(found, Finding{name, Skipped, fmt.Sprintf("the free space of %s is not known: %s", s.Data, err), "look with df"})
	case free < noSpace:
		found = append(found, Finding{name, Problem, fmt.Sprintf("the disk of %s has only %d MiB left", s.Data, free>>20), "make room: without it nothing can be changed anymore"})
	case free < littleSpace:
		found = append(found, Finding{name, Warning, fmt.Sprintf("the disk of %s has only %d MiB left", s.Data, free>>20), "make room before the database cannot grow; a shorter --keep-activity lets it grow less"})
	case len(s.folder.Exposed) == 0:
		found = append(found, Finding{name, OK, fmt.Sprintf("%s is private and has %d GiB of room", s.Data, free>>30), ""})
	}
	return found
}
