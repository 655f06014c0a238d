package server

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

func isInUse(err error) bool {
	const windows = syscall.Errno(10048) // WSAEADDRINUSE, which syscall.EADDRINUSE is not there
	return errors.Is(err, syscall.EADDRINUSE) || runtime.GOOS == "windows" && errors.Is(err, windows)
}

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
	for _, holder := range PortHolders(network, uint16(port)) {
		if holder.PID != 0 {
			return " by " + holder.String()
		}
	}
	return ""
}

// Process is a program that runs on this machine. PID 0 stands for one that
// this user may not look into.
type Process struct {
	PID  int
	Name string
}

// String is "process 12 (name)".
func (p Process) String() string {
	if p.PID == 0 {
		return "a process of another user"
	}
	return fmt.Sprintf("process %d (%s)", p.PID, p.Name)
}

// PortHolders returns the processes that have a socket on a local port of a
// network, tcp or udp, with any address. Only Linux tells; elsewhere there are
// none.
func PortHolders(network string, port uint16) []Process {
	inodes := make(map[string]bool)
	for _, table := range []string{network, network + "6"} {
		for _, inode := range socketInodes("/proc/net/"+table, port) {
			inodes["socket:["+inode+"]"] = true
		}
	}
	return socketOwners(inodes)
}

// socketInodes reads the inodes of sockets on a local port from one of the
// kernel's tables: columns "sl local_address rem_address st … inode", the local
// address as hex address:port (proc(5)). Those that nobody has open anymore are
// left out.
func socketInodes(table string, port uint16) []string {
	file, err := os.Open(table)
	if err != nil {
		return nil
	}
	defer file.Close()
	const localColumn, inodeColumn, noInode = 1, 9, "0"
	suffix := fmt.Sprintf(":%04X", port)
	var inodes []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		columns := strings.Fields(lines.Text())
		if len(columns) > inodeColumn && strings.HasSuffix(columns[localColumn], suffix) && columns[inodeColumn] != noInode {
			inodes = append(inodes, columns[inodeColumn])
		}
	}
	return inodes
}

// socketOwners finds the processes that have sockets open, which are named as
// /proc/PID/fd does. The map loses those that were found.
func socketOwners(sockets map[string]bool) []Process {
	if len(sockets) == 0 {
		return nil
	}
	var owners []Process
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, file := range files {
		target, err := os.Readlink(file)
		if err != nil || !sockets[target] {
			continue
		}
		process := filepath.Dir(filepath.Dir(file))
		pid, err := strconv.Atoi(filepath.Base(process))
		if err != nil {
			continue
		}
		delete(sockets, target)
		command, _ := os.ReadFile(filepath.Join(process, "comm"))
		owner := Process{PID: pid, Name: strings.TrimSpace(string(command))}
		if !slices.Contains(owners, owner) {
			owners = append(owners, owner)
		}
	}
	if len(sockets) > 0 {
		owners = append(owners, Process{})
	}
	return owners
}
