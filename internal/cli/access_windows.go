package cli

// ours is true: the owner of a folder is not looked at here.
func ours(string) bool { return true }
