package server

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

func isInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

// portHolder names the process that listens on a port, as far as this system
// tells: on Linux, for processes that this user may look into.
func portHolder(network, addr string) string {
	_, text, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return ""
	}
	for _, table := range []string{network, network + "6"} {
		for _, inode := range socketInodes("/proc/net/"+table, uint16(port)) {
			if pid, name, ok := socketOwner(inode); ok {
				return fmt.Sprintf(" by process %d (%s)", pid, name)
			}
		}
	}
	return ""
}

// socketInodes reads the inodes of sockets on a local port from one of the
// kernel's tables: columns "sl local_address rem_address st … inode", the local
// address as hex address:port (proc(5)).
func socketInodes(table string, port uint16) []string {
	file, err := os.Open(table)
	if err != nil {
		return nil
	}
	defer file.Close()
	const localColumn, inodeColumn = 1, 9
	suffix := fmt.Sprintf(":%04X", port)
	var inodes []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		columns := strings.Fields(lines.Text())
		if len(columns) > inodeColumn && strings.HasSuffix(columns[localColumn], suffix) {
			inodes = append(inodes, columns[inodeColumn])
		}
	}
	return inodes
}

// socketOwner finds the process that has a socket open.
func socketOwner(inode string) (pid int, name string, ok bool) {
	link := "socket:[" + inode + "]"
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, file := range files {
		if target, err := os.Readlink(file); err != nil || target != link {
			continue
		}
		process := filepath.Dir(filepath.Dir(file))
		pid, err := strconv.Atoi(filepath.Base(process))
		if err != nil {
			continue
		}
		command, _ := os.ReadFile(filepath.Join(process, "comm"))
		return pid, strings.TrimSpace(string(command)), true
	}
	return 0, "", false
}
