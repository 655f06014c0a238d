module github.com/orrery-net/orrery

go 1.26
