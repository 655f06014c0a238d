//go:build !unix

package profile

// lockDir does nothing: folders cannot be locked here.
func lockDir(string) (unlock func()) { return func() {} }
